using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Targets;

namespace Vsockspec.Conformance.Tests;

/// <summary>Guests in a VMM that a manifest describes: QEMU, as docs/manifest.md shows it.</summary>
[NonParallelizable]
public sealed class CommandGuestTests
{
    private const string Machine =
        "qemu-system-x86_64, -nodefaults, -no-reboot, -display, none, -machine, 'q35,memory-backend=memory', -accel, tcg, -cpu, max, -m, '256', "
        + "-object, 'memory-backend-memfd,id=memory,size=256M,share=on', -kernel, '{kernel}', -initrd, '{initramfs}', "
        + "-chardev, 'socket,id=vsock,path={socket}', -device, 'vhost-user-vsock-pci,chardev=vsock'";

    private const string VirtioConsole = "-device, 'virtio-serial-pci,max_ports=1', -device, 'virtconsole,chardev=agent', -append, 'console=ttyS0 edd=off {cmdline}'";

    private InstanceFolder _folder = null!;

    [SetUp]
    public void RequireTools()
    {
        string[] missing = [.. ((string[])["qemu-system-x86_64", "clang", "ld.lld"]).Where(tool => ToolBox.OfThisMachine.Find(tool) is null)];
        string? problem = missing.Length > 0 ? $"{string.Join(", ", missing)}: not on this machine; run ci/setup.sh"
            : KernelStore.OfThisUser().Find(GuestSpec.DefaultKernel) is null ? $"{GuestSpec.DefaultKernel} is not cached; fetch it: vsockspec guest fetch {GuestSpec.DefaultKernel}"
            : null;
        if (problem is not null && Environment.GetEnvironmentVariable("CI") == "true")
        {
            Assert.Fail(problem);
        }

        Assume.That(problem, Is.Null);
        _folder = InstanceFolder.Create();
    }

    [TearDown]
    public void RemoveTheFolder() => _folder?.Dispose();

    [TestCase("listen", "/dev/hvc0", $"[{Machine}, -serial, stdio, -chardev, 'socket,id=agent,path={{console}}', {VirtioConsole}]")]
    [TestCase("connect", "/dev/hvc0", $"[{Machine}, -serial, stdio, -chardev, 'socket,id=agent,path={{console}},server=on,wait=off', {VirtioConsole}]")]
    [TestCase("stdio", "/dev/ttyS0", $"[{Machine}, -serial, stdio, -append, 'edd=off {{cmdline}}']")]
    public void Guest_InTheVmmOfAManifest_ServesCases(string line, string terminal, string command)
    {
        TargetManifest manifest = Manifest(command, line, terminal, 60_000);
        CaseRun[] runs = [.. Catalogue.Of(typeof(SocketFixture).Assembly).Runs.Where(r => r.Case.Id is "VSC-1401" or "VSC-1402" or "VSC-1406")];
        Results results = new();
        new SuiteRunner(RequirementRegister.Load()).Run(
            new RunRequest { Target = manifest.ToTarget(), Runs = runs, Seed = 3, Guests = Guests(manifest) },
            results,
            TestContext.CurrentContext.CancellationToken);

        Assert.That(results.All.Select(r => r.Verdict), Is.EqualTo([Verdict.Pass, Verdict.Pass, Verdict.Pass]), results.All[0].Observed);
        Assert.That(results.Guests.Single().Vmm, Is.EqualTo("qemu-system-x86_64"));
    }

    [TestCase("[no-such-vmm, '{kernel}', '{initramfs}', '{cmdline}', '{console}']", "field 'guest.command': 'no-such-vmm' is not on PATH")]
    [TestCase("[sh, -c, 'echo no memory; exit 9', '{kernel}', '{initramfs}', '{cmdline}', '{console}']", "the VMM ended with exit code 9; the end of what it printed:\n  no memory")]
    [TestCase("[sleep, '60', '{kernel}', '{initramfs}', '{cmdline}', '{console}']", "the VMM ended with exit code 1", Description = "sleep takes no such words")]
    [TestCase("[sh, -c, 'exec sleep 60', '{kernel}', '{initramfs}', '{cmdline}', '{console}']", "did not boot within 1.5 s (field 'guest.bootTimeoutMs')")]
    [TestCase("[perl, -MIO::Socket::UNIX, -e, 'my $s = IO::Socket::UNIX->new(Peer => $ARGV[3]); print $s q(x) x 100000 while 1', '{kernel}', '{initramfs}', '{cmdline}', '{console}']", "did not boot within 1.5 s", Description = "garbage without end on the agent's line")]
    public void Vmm_ThatBootsNothing_IsToldWithItsWords(string command, string problem)
    {
        TargetManifest manifest = Manifest(command, "listen", "/dev/hvc0", 1_500);
        GuestException? failed = Assert.Throws<GuestException>(() => Guests(manifest).Boot(new GuestVsock.VhostUser("/nowhere"), CancellationToken.None));
        Assert.That(failed!.Message, Does.Contain(problem));
    }

    private static CommandGuests Guests(TargetManifest manifest) =>
        new(manifest.Guest!, manifest.File, KernelStore.OfThisUser, null, TestContext.Progress.WriteLine);

    private TargetManifest Manifest(string command, string line, string terminal, int bootTimeoutMs)
    {
        string file = Path.Combine(_folder.Path, "target.yaml");
        string reference = File.ReadAllText(Path.Combine(SuiteData.Folder, "targets", "reference.yaml"));
        File.WriteAllText(
            file,
            $"{reference}\nguest:\n  command: {command}\n  modules: [virtio_pci, virtio_console]\n  console: {{line: {line}, terminal: {terminal}}}\n  bootTimeoutMs: {bootTimeoutMs}\n");
        return TargetManifest.Load(file);
    }

    private sealed class Results : IRunListener
    {
        public List<CaseResult> All { get; } = [];

        public IReadOnlyList<GuestRecord> Guests { get; private set; } = [];

        public void TargetProbed(TargetFacts facts)
        {
        }

        public void GuestBooted(GuestRecord guest) => Guests = GuestRecord.Add(Guests, guest);

        public void CaseStarted(CaseRun run, int repetition)
        {
        }

        public void CaseFinished(CaseResult result) => All.Add(result);
    }
}
