using System.Buffers.Binary;
using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Guests;

namespace Vsockspec.Harness.Tests.Guests;

public sealed class KernelStoreTests
{
    private const string Old = "6.1.0-9-cloud-amd64";
    private const string New = "6.1.0-56-cloud-amd64";
    private static readonly Action<string> Silent = _ => { };

    [Test]
    public void Fetch_LineName_TakesTheNewestThatTheListsHave()
    {
        using FakeDebian debian = new();
        debian.Publish(Old, "6.1.1-1");
        debian.Publish(New, "6.1.192-2");
        debian.Publish("6.12.117+deb12-cloud-amd64", "6.12.117-1~deb12u1");
        List<string> progress = [];

        GuestKernel kernel = debian.Store().Fetch("debian:6.1", progress.Add, default);

        string place = Path.Combine(debian.Cache, $"{New}_6.1.192-2");
        Assert.That(kernel, Is.EqualTo(new GuestKernel(
            "debian:6.1",
            New,
            $"{place}/boot/vmlinuz-{New}",
            $"{place}/lib/modules/{New}",
            $"{place}/boot/config-{New}",
            "6.1.192-2",
            kernel.Digest)));
        Assert.That(kernel.Digest, Does.Match("^sha256:[0-9a-f]{64}$"));
        Assert.That(Path.Combine(kernel.ModulesFolder!, "modules.dep"), Does.Exist);
        Assert.That(progress, Is.EqualTo(new[]
        {
            $"debian:6.1: downloading linux-image-{New} 6.1.192-2 (0.0 MB)",
            "debian:6.1: unpacking",
            $"debian:6.1: is in {place}",
        }));
    }

    [Test]
    public void Fetch_PackageWithMergedUsr_HasItsModules()
    {
        using FakeDebian debian = new();
        debian.Publish(New, "6.1.192-2", lib: "usr/lib");
        GuestKernel kernel = debian.Store().Fetch("debian:6.1", Silent, default);
        Assert.That(Path.Combine(kernel.ModulesFolder!, "modules.dep"), Does.Exist);

        string unpacked = debian.PathOf($"tree-{New}");
        Assert.That(debian.Store().Find(unpacked)!.ModulesFolder, Is.EqualTo($"{unpacked}/usr/lib/modules/{New}"));
    }

    [Test]
    public void Fetch_Cached_NeedsNoTools()
    {
        using FakeDebian debian = new();
        debian.Publish(New, "6.1.192-2");
        GuestKernel fetched = debian.Store().Fetch("debian:6.1", Silent, default);

        KernelStore offline = new(debian.Cache, new ToolBox([]));
        Assert.That(offline.Fetch("debian:6.1", Silent, default), Is.EqualTo(fetched));
        Assert.That(offline.Find($"debian:{New}"), Is.EqualTo(fetched with { Name = $"debian:{New}" }));
        Assert.That(offline.Find("debian:6.12"), Is.Null);
        Assert.That(debian.Downloads, Has.Length.EqualTo(1));
    }

    [Test]
    public void Get_NotCached_SaysHowToFetch()
    {
        using FakeDebian debian = new();
        Assert.That(
            () => debian.Store().Get("debian:6.12"),
            Throws.TypeOf<KernelException>()
                .With.Message.EqualTo("kernel debian:6.12 is not on this machine; fetch it: vsockspec guest fetch debian:6.12"));
    }

    [Test]
    public void Refresh_NewerInTheArchive_KeepsBothAndFindsTheNewer()
    {
        using FakeDebian debian = new();
        debian.Publish(Old, "6.1.1-1");
        KernelStore store = debian.Store();
        store.Fetch("debian:6.1", Silent, default);
        debian.Publish(New, "6.1.192-2");

        Assert.That(store.Fetch("debian:6.1", Silent, default).Release, Is.EqualTo(Old));
        Assert.That(store.Refresh("debian:6.1", Silent, default).Release, Is.EqualTo(New));
        Assert.That(store.Find("debian:6.1")!.Release, Is.EqualTo(New));
        Assert.That(store.List().Select(k => k.Name), Is.EqualTo(new[] { "debian:6.1", $"debian:{Old}" }));

        store.Refresh("debian:6.1", Silent, default);
        Assert.That(debian.Downloads, Has.Length.EqualTo(2), "the newest is here already");
    }

    [Test]
    public void Image_Damaged_IsFoundAndMendedByRefresh()
    {
        using FakeDebian debian = new();
        debian.Publish(New, "6.1.192-2");
        KernelStore store = debian.Store();
        string image = store.Fetch("debian:6.1", Silent, default).Image;
        File.AppendAllText(image, "x");

        Assert.That(() => store.Find("debian:6.1"), Throws.TypeOf<KernelException>().With.Message.Contains("guest fetch debian:6.1 --refresh"));
        store.Refresh("debian:6.1", Silent, default);
        Assert.That(store.Find("debian:6.1")!.Image, Is.EqualTo(image));
    }

    [TestCase("{", "kernel.json: ")]
    [TestCase("null", "kernel.json: is empty")]
    [TestCase("{}", "field 'name' is missing or damaged")]
    [TestCase("""{"name":"x","release":"../../etc"}""", "field 'release' is missing or damaged")]
    public void Manifest_Damaged_NamesFileFieldAndRemedy(string text, string message)
    {
        using FakeDebian debian = new();
        string folder = Directory.CreateDirectory(Path.Combine(debian.Cache, "k")).FullName;
        File.WriteAllText(Path.Combine(folder, "kernel.json"), text);

        Assert.That(
            () => debian.Store().List(),
            Throws.TypeOf<KernelException>().With.Message.Contains(message).And.Message.Contains($"remove the folder {folder} and fetch"));
    }

    [Test]
    public void Fetch_ByManyAtOnce_DownloadsOnce()
    {
        using FakeDebian debian = new();
        debian.Publish(New, "6.1.192-2");

        Parallel.For(0, 6, _ => debian.Store().Fetch("debian:6.1", Silent, default));

        Assert.That(debian.Downloads, Has.Length.EqualTo(1));
        AssertNothingHalfMade(debian, kernels: 1);
    }

    [Test]
    public void Fetch_LockedByAnother_SaysSoAndCanBeCancelled()
    {
        using FakeDebian debian = new();
        using FileStream held = new(Path.Combine(debian.Cache, ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        using CancellationTokenSource cancel = new();
        List<string> progress = [];

        Assert.That(
            () => debian.Store().Fetch(
                "debian:6.1",
                line =>
                {
                    progress.Add(line);
                    cancel.Cancel();
                },
                cancel.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(progress, Is.EqualTo(new[] { "debian:6.1: waiting for another process that fetches" }));
    }

    [Test]
    public void Fetch_CancelledInDownload_EndsAptAndLeavesNothing()
    {
        using FakeDebian debian = new();
        debian.Publish(New, "6.1.192-2");
        string never = debian.PathOf("never");
        debian.Script("apt-get", $"echo half > half.deb; mkfifo '{never}'; echo $$ > '{debian.PathOf("started")}'; cat '{never}'");
        using CancellationTokenSource cancel = new();
        using FileSystemWatcher watcher = new(debian.PathOf(""), "started");
        watcher.Changed += (_, _) => cancel.Cancel();
        watcher.EnableRaisingEvents = true;

        Assert.That(() => debian.Store().Fetch("debian:6.1", Silent, cancel.Token), Throws.InstanceOf<OperationCanceledException>());
        AssertNothingHalfMade(debian, kernels: 0);
        int id = int.Parse(File.ReadAllText(debian.PathOf("started")));
        Assert.That(() => Process.GetProcessById(id), Throws.ArgumentException);
    }

    [Test]
    public void Fetch_AfterAnInterruptedOne_RemovesWhatItLeft()
    {
        using FakeDebian debian = new();
        debian.Publish(New, "6.1.192-2");
        Directory.CreateDirectory(Path.Combine(debian.Cache, ".fetch-0123/kernel"));
        Directory.CreateDirectory(Path.Combine(debian.Cache, $"{New}_6.1.192-2"));

        Assert.That(debian.Store().List(), Is.Empty);
        debian.Store().Fetch("debian:6.1", Silent, default);
        AssertNothingHalfMade(debian, kernels: 1);
    }

    [Test]
    public void Fetch_DownloadFails_TellsWhatAptSaid()
    {
        using FakeDebian debian = new();
        debian.Publish(New, "6.1.192-2");
        debian.Script("apt-get", "echo 'W: unimportant' >&2; echo 'E: Failed to fetch it  404  Not Found' >&2; exit 100");

        KernelException? e = Assert.Throws<KernelException>(() => debian.Store().Fetch("debian:6.1", Silent, default));
        Assert.That(e!.Message, Does.Contain("download failed: Failed to fetch it  404  Not Found;").And.Contains("sudo apt-get update"));
        Assert.That(e.Message, Does.Not.Contain("unimportant"));
        Assert.That(e.IsInputError, Is.False);
        AssertNothingHalfMade(debian, kernels: 0);
    }

    [Test]
    public void Fetch_OtherBytesThanTheListsSay_IsRefused()
    {
        using FakeDebian debian = new();
        debian.Publish(New, "6.1.192-2");
        debian.List(New, "6.1.192-2", new string('0', 64));

        Assert.That(
            () => debian.Store().Fetch("debian:6.1", Silent, default),
            Throws.TypeOf<KernelException>().With.Message.Contains("the package lists say 0000"));
        AssertNothingHalfMade(debian, kernels: 0);
    }

    [Test]
    public void Fetch_NoPackageLists_SaysToUpdateThem()
    {
        using FakeDebian debian = new();
        debian.Script("apt-cache", "exit 0");
        Assert.That(
            () => debian.Store().Fetch("debian:6.1", Silent, default),
            Throws.TypeOf<KernelException>()
                .With.Message.EqualTo("debian:6.1: the package lists of this machine are empty; run: sudo apt-get update"));
    }

    [Test]
    public void Fetch_NotADebianSystem_SaysToGiveAPath()
    {
        using FakeDebian debian = new();
        KernelStore store = new(debian.Cache, new ToolBox([]));
        Assert.That(
            () => store.Fetch("debian:6.1", Silent, default),
            Throws.TypeOf<KernelException>().With.Message.Contains("apt-cache is missing: this is not a Debian system; give a kernel by its path"));
    }

    [Test]
    public void Fetch_LineThatTheListsLack_NamesThoseTheyHave()
    {
        using FakeDebian debian = new();
        debian.Publish("6.12.117+deb12-cloud-amd64", "6.12.117-1~deb12u1");

        KernelException? e = Assert.Throws<KernelException>(() => debian.Store().Fetch("debian:6.6", Silent, default));
        Assert.That(e!.Message, Does.StartWith("debian:6.6: the package lists of this machine have no such kernel, but debian:6.1, debian:6.12;"));
        Assert.That(e.IsInputError, Is.True);
    }

    [TestCase("debain:6.1", "unknown kernel 'debain:6.1' (did you mean 'debian:6.1'?)")]
    [TestCase("debian:", "write debian:6.12, or the whole release")]
    [TestCase("debian:6.1/../x", "write debian:6.12")]
    [TestCase("debian:6.1.0-56-cloud-amd64-dbg", "write debian:6.12")]
    [TestCase("debian:6.1.0-56-cloud-amd64-unsigned", "write debian:6.12")]
    [TestCase("/nowhere/vmlinuz", "/nowhere/vmlinuz: Could not find")]
    [TestCase("/dev", "/dev: has 0 files boot/vmlinuz-*")]
    public void Name_ThatIsNone_IsExplained(string name, string message)
    {
        using FakeDebian debian = new();
        KernelException? e = Assert.Throws<KernelException>(() => debian.Store().Find(name));
        Assert.That(e!.Message, Does.Contain(message));
        Assert.That(e.IsInputError, Is.True);
    }

    [Test]
    public void Find_ByPath_TakesModulesAndConfigurationFromBeside()
    {
        using FakeDebian debian = new();
        string package = debian.PathOf("unpacked");
        string image = FakeDebian.WriteKernel(package, New);

        GuestKernel kernel = debian.Store().Find(image)!;
        string modules = $"{package}/lib/modules/{New}";
        Assert.That(kernel, Is.EqualTo(new GuestKernel(image, New, image, modules, $"{package}/boot/config-{New}", New, kernel.Digest)));
        Assert.That(debian.Store().Find(package), Is.EqualTo(kernel with { Name = package }));

        string alone = debian.PathOf("bzImage");
        File.Copy(image, alone);
        GuestKernel lonely = kernel with { Name = alone, Image = alone, ModulesFolder = null, ConfigFile = null };
        Assert.That(debian.Store().Fetch(alone, Silent, default), Is.EqualTo(lonely));
    }

    [TestCase(0x1fe, (ushort)0, "no HdrS header")]
    [TestCase(0x202, (ushort)0, "no HdrS header")]
    [TestCase(0x20e, (ushort)0, "field kernel_version does not point into the setup code")]
    [TestCase(0x20e, (ushort)0xffff, "field kernel_version does not point into the setup code")]
    [TestCase(0x20e, (ushort)0x7ff, "field kernel_version points at no release")]
    [TestCase(0x300, (ushort)0x2f2e, "field kernel_version points at no release")]
    public void Image_BrokenHeader_NamesFieldAndRemedy(int offset, ushort value, string message)
    {
        using FakeDebian debian = new();
        byte[] image = FakeDebian.Image("6.1.0 (x)");
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(offset), value);
        string file = debian.PathOf("bzImage");
        File.WriteAllBytes(file, image);

        Assert.That(
            () => debian.Store().Find(file),
            Throws.TypeOf<KernelException>()
                .With.Message.StartsWith($"{file}: ").And.Message.Contains(message).And.Message.Contains("give the image that"));
    }

    [TestCase(0x38, "ARMd", "is a kernel for arm64, not a Linux bzImage for x86")]
    [TestCase(0x38, "RSC\u0005", "is a kernel for RISC-V, not a Linux bzImage for x86")]
    [TestCase(0x206, "\u000f\u0002", "is a kernel for 32-bit processors")]
    public void Image_OfAnotherArchitecture_IsNamed(int offset, string magic, string message)
    {
        using FakeDebian debian = new();
        byte[] image = FakeDebian.Image("6.1.0 (x)");
        System.Text.Encoding.ASCII.GetBytes(magic).CopyTo(image, offset);
        if (offset == 0x38)
        {
            image.AsSpan(0x202, 4).Clear();
        }

        string file = debian.PathOf("Image");
        File.WriteAllBytes(file, image);
        Assert.That(() => debian.Store().Find(file), Throws.TypeOf<KernelException>().With.Message.StartsWith($"{file}: {message}"));
    }

    [Test]
    public void Image_CutAnywhere_IsNeverReadBeyondItsEnd()
    {
        using FakeDebian debian = new();
        byte[] image = FakeDebian.Image("6.1.0 (x)");
        string file = debian.PathOf("bzImage");
        for (int length = 0; length <= 0x305; length++)
        {
            File.WriteAllBytes(file, image[..length]);
            Assert.That(() => debian.Store().Find(file), Throws.TypeOf<KernelException>(), $"{length} bytes");
        }

        File.WriteAllBytes(file, image);
        Assert.That(debian.Store().Find(file)!.Release, Is.EqualTo("6.1.0"));
    }

    [TestCase("6.1.0-9", "6.1.0-56")]
    [TestCase("6.12.99+deb12", "6.12.117+deb12")]
    [TestCase("6.12.1~rc1", "6.12.1")]
    [TestCase("6.12.117-1~deb12u1", "6.12.117-1")]
    [TestCase("6.12.117-1~deb12u1", "6.12.117-1~deb12u2")]
    [TestCase("6.1.0-009", "6.1.0-10")]
    [TestCase("6.1a", "6.1+")]
    public void Versions_OfDebian_AreOrderedAsDpkgDoes(string older, string newer)
    {
        Assert.That(DebianVersion.Order.Compare(older, newer), Is.Negative);
        Assert.That(DebianVersion.Order.Compare(newer, older), Is.Positive);
        Assert.That(DebianVersion.Order.Compare(newer, newer), Is.Zero);
        using Process dpkg = Process.Start("dpkg", ["--compare-versions", older, "lt", newer]);
        dpkg.WaitForExit();
        Assert.That(dpkg.ExitCode, Is.Zero, "dpkg itself");
    }

    private static void AssertNothingHalfMade(FakeDebian debian, int kernels)
    {
        Assert.That(Directory.GetDirectories(debian.Cache), Has.Length.EqualTo(kernels));
        Assert.That(Directory.GetFiles(debian.Cache).Select(Path.GetFileName), Is.SubsetOf(new[] { ".lock" }));
    }
}
