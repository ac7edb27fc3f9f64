using System.Diagnostics;
using System.IO.Compression;
using NUnit.Framework;
using Vsockspec.Guests;

namespace Vsockspec.Harness.Tests.Guests;

public sealed class ModuleSetTests
{
    private const string Release = "6.1.0";

    private const string Dependencies =
        """
        kernel/net/vsock.ko.xz:
        kernel/vhost/vhost_iotlb.ko:
        kernel/vhost/vhost.ko: kernel/vhost/vhost_iotlb.ko
        kernel/net/common-part.ko.gz: kernel/net/vsock.ko.xz
        kernel/vhost/vhost-vsock.ko.zst: kernel/net/common-part.ko.gz kernel/vhost/vhost.ko kernel/vhost/vhost_iotlb.ko kernel/net/vsock.ko.xz

        """;

    [Test]
    public void LoadOrder_HasDependenciesFirstAndNothingTwice()
    {
        using FakeDebian debian = new();
        GuestKernel kernel = Kernel(debian, Dependencies);

        IReadOnlyList<KernelModule> order = ModuleSet.Of(kernel).LoadOrder(["vhost_vsock", "virtio-ring", "common_part", "vhost-vsock"]);

        Assert.That(order.Select(m => m.Name), Is.EqualTo(new[] { "vsock", "vhost_iotlb", "vhost", "common_part", "vhost_vsock" }));
        Assert.That(order[4].File, Is.EqualTo($"{kernel.ModulesFolder}/kernel/vhost/vhost-vsock.ko.zst"));
    }

    [Test]
    public void LoadOrder_UnknownModule_NamesItAndTheKernel()
    {
        using FakeDebian debian = new();
        Assert.That(
            () => ModuleSet.Of(Kernel(debian, Dependencies)).LoadOrder(["vhost-vsok"]),
            Throws.TypeOf<KernelException>().With.Message.Contains("(6.1.0) has no module 'vhost_vsok' (did you mean 'vhost_vsock'?)"));
    }

    [Test]
    public void LoadOrder_DependencyThatIsNotThere_IsNamed()
    {
        using FakeDebian debian = new();
        Assert.That(
            () => ModuleSet.Of(Kernel(debian, "kernel/a.ko: kernel/gone.ko\n")).LoadOrder(["a"]),
            Throws.TypeOf<KernelException>().With.Message.Contains("no module 'gone'"));
    }

    [Test]
    public void LoadOrder_ModulesThatNeedEachOther_Ends()
    {
        using FakeDebian debian = new();
        Assert.That(ModuleSet.Of(Kernel(debian, "kernel/a.ko: kernel/b.ko\nkernel/b.ko: kernel/a.ko\n")).LoadOrder(["a"]), Has.Count.EqualTo(2));
    }

    [Test]
    public void LoadOrder_KernelWithoutModules_IsEmpty()
    {
        using FakeDebian debian = new();
        Assert.That(ModuleSet.Of(Kernel(debian, "") with { ModulesFolder = null }).LoadOrder(["vsock"]), Is.Empty);
    }

    [Test]
    public void Dependencies_Missing_SaysHowToMakeThem()
    {
        using FakeDebian debian = new();
        GuestKernel kernel = debian.Store().Find(FakeDebian.WriteKernel(debian.PathOf("k"), Release))!;
        Assert.That(
            () => ModuleSet.Of(kernel),
            Throws.TypeOf<KernelException>().With.Message.EndsWith($"modules.dep: no such file; make it: depmod -b {debian.PathOf("k")} 6.1.0"));
    }

    [TestCase("/etc/passwd:\n")]
    [TestCase("kernel/../../../etc/passwd:\n")]
    [TestCase("kernel/a.ko\n")]
    [TestCase(":\n")]
    public void Dependencies_Damaged_NamesTheLine(string text)
    {
        using FakeDebian debian = new();
        Assert.That(
            () => ModuleSet.Of(Kernel(debian, $"kernel/x.ko:\n{text}")),
            Throws.TypeOf<KernelException>().With.Message.Contains("modules.dep:2: is not 'module: dependencies'"));
    }

    [Test]
    public void Read_EveryCompression_GivesTheModule()
    {
        using FakeDebian debian = new();
        byte[] content = [.. Enumerable.Range(0, 100_000).Select(i => (byte)(i * 7 / 3))];
        string plain = debian.PathOf("a.ko");
        File.WriteAllBytes(plain, content);
        Run("xz", "-k", plain);
        Run("zstd", "-q", "-k", plain);
        using (GZipStream packed = new(File.Create(plain + ".gz"), CompressionLevel.Fastest))
        {
            packed.Write(content);
        }

        foreach (string suffix in new[] { "", ".xz", ".zst", ".gz" })
        {
            Assert.That(new KernelModule("a", plain + suffix).Read(default), Is.EqualTo(content), suffix);
        }
    }

    [TestCase(".ko")]
    [TestCase(".ko.xz")]
    [TestCase(".ko.zst")]
    [TestCase(".ko.gz")]
    public void Read_DamagedOrMissing_NamesFileAndRemedy(string suffix)
    {
        using FakeDebian debian = new();
        string file = debian.PathOf("a" + suffix);
        if (suffix != ".ko")
        {
            File.WriteAllText(file, "not compressed at all");
        }

        Assert.That(
            () => new KernelModule("a", file).Read(default),
            Throws.TypeOf<KernelException>().With.Message.StartsWith($"{file}: ").And.Message.Contains("the kernel's package again"));
    }

    private static GuestKernel Kernel(FakeDebian debian, string dependencies)
    {
        GuestKernel kernel = debian.Store().Find(FakeDebian.WriteKernel(debian.PathOf("k"), Release))!;
        File.WriteAllText(Path.Combine(kernel.ModulesFolder!, "modules.dep"), dependencies);
        return kernel;
    }

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, program);
    }
}
