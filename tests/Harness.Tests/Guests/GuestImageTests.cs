using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Harness.Tests.Targets;

namespace Vsockspec.Harness.Tests.Guests;

public sealed class GuestImageTests
{
    /// <summary>Has everything built in.</summary>
    private static readonly GuestKernel Kernel = new("k", "6.12.1", "/k/vmlinuz", null, null, "1", "sha256:" + new string('0', 64));

    [Test]
    public void Build_SamePrograms_GivesTheSameBytes()
    {
        using Scratch scratch = new();
        string agent = Write("agent", "the agent");
        GuestFile first = new("/bin/first", Write("a", "one"));
        GuestFile second = new("/bin/second", Write("b", "two"));
        string[] digests =
        [
            Build([first, second]).Digest,
            Build([second, first]).Digest,
            Build([first]).Digest,
        ];
        Assert.That(digests[0], Is.EqualTo(digests[1]));
        Assert.That(digests[0], Is.Not.EqualTo(digests[2]));

        GuestImage Build(GuestFile[] programs) => GuestImage.Build(Kernel, agent, null, CancellationToken.None, null, programs);

        string Write(string name, string text)
        {
            string path = Path.Combine(scratch.Path, name);
            File.WriteAllText(path, text);
            return path;
        }
    }

    [Test]
    public void Build_ProgramThatIsNotThere_IsRefused() =>
        Assert.That(
            () => GuestImage.Build(Kernel, "/bin/sh", null, CancellationToken.None, null, [new GuestFile("/bin/x", "/no/such/x")]),
            Throws.TypeOf<GuestException>().With.Message.Contains("/no/such/x"));

    [Test]
    public void Command_WithANetwork_ReachesOnePortEachWay()
    {
        QemuOptions options = new() { Network = new QemuNetwork(4001, 4711, 4002, "/b,b/busybox") };
        IReadOnlyList<string> line = QemuCommand.Build("/q", Kernel, options, GuestAccelerator.Tcg, new QemuCommand.Lines("/i", "/c", 7, null));
        Assert.That(line, Does.Contain(
            "user,id=network,restrict=on,net=10.0.2.0/24,hostfwd=tcp:127.0.0.1:4001-10.0.2.15:4711,guestfwd=tcp:10.0.2.100:4002-cmd:/b,,b/busybox nc 127.0.0.1 4002"));
        Assert.That(line, Does.Contain("virtio-net-pci,netdev=network,romfile="));
    }

    [TestCase("Tcg", "loglevel=5")]
    [TestCase("Kvm", "loglevel=4", Description = "a translated KVM breaks on a console that is written to much")]
    public void Command_Console_HasWhatTheAcceleratorBears(string accelerator, string level) =>
        Assert.That(
            QemuCommand.Build("/q", Kernel, new QemuOptions(), Enum.Parse<GuestAccelerator>(accelerator), new QemuCommand.Lines("/i", "/c", 7, null)),
            Has.Some.Contains($" {level} "));

    [Test]
    public void Command_WithoutANetwork_HasNone() =>
        Assert.That(
            QemuCommand.Build("/q", Kernel, new QemuOptions(), GuestAccelerator.Tcg, new QemuCommand.Lines("/i", "/c", 7, null)),
            Has.None.Contains("net"));
}
