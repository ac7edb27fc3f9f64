using NUnit.Framework;
using Vsockspec.Guests;

namespace Vsockspec.Harness.Tests.Guests;

/// <summary>The kernel's own tests, from a package that is made here to programs.</summary>
public sealed class VsockTestStoreTests
{
    private const string Package = "linux-source-6.12";
    private const string Version = "6.12.1-1";
    private static readonly VsockTestName Name = VsockTestName.Parse("linux-vsock-test");
    private static readonly Action<string> Silent = _ => { };

    [Test]
    public void Fetch_Source_IsBuiltAndKeptWithItsOrigin()
    {
        using FakeDebian debian = new();
        debian.PublishSource("6.12", Version);
        List<string> progress = [];

        VsockTests tests = debian.VsockTests().Fetch(Name, progress.Add, default);

        Assert.That((tests.Package, tests.PackageVersion), Is.EqualTo((Package, Version)));
        Assert.That(tests.PackageSha256, Does.Match("^[0-9a-f]{64}$"));
        Assert.That(tests.SourceSha256, Does.Match("^[0-9a-f]{64}$"));
        Assert.That(tests.Programs.Keys, Is.EquivalentTo(new[] { VsockTests.Test, VsockTests.Diag, VsockTests.Perf }));
        Assert.That(tests.Missing[VsockTests.Uring], Does.Contain("liburing-dev"));
        Assert.That(ToolBox.Run(tests.Programs[VsockTests.Test], [], null, 100, TimeSpan.FromSeconds(10), default).Text, Is.EqualTo("0\tonly\n"));
        Assert.That(Path.Combine(debian.Cache, $"{Package}_{Version}", "source", "not-needed"), Does.Not.Exist);
        Assert.That(progress, Has.Count.EqualTo(3).And.Some.Contains("compiling"));
        Assert.That(Directory.GetDirectories(debian.Cache), Has.Length.EqualTo(1), "nothing unfinished is left");
    }

    [Test]
    public void Fetch_BuiltBefore_NeedsNoNetwork()
    {
        using FakeDebian debian = new();
        debian.PublishSource("6.12", Version);
        VsockTests first = debian.VsockTests().Fetch(Name, Silent, default);
        debian.Script("apt-get", "exit 1");

        VsockTests second = debian.VsockTests().Fetch(Name, _ => Assert.Fail("nothing is to be done"), default);

        Assert.That(second.Programs, Is.EqualTo(first.Programs));
    }

    [Test]
    public void Fetch_PackageWithAnotherDigest_IsRefusedAndLeavesNothing()
    {
        using FakeDebian debian = new();
        debian.PublishSource("6.12", Version);
        debian.ListPackage(Package, Version, new string('0', 64));

        Assert.That(
            () => debian.VsockTests().Fetch(Name, Silent, default),
            Throws.TypeOf<KernelException>().With.Message.Match("has SHA-256 [0-9a-f]{64}, the package lists say 0{64}"));
        Assert.That(Directory.GetDirectories(debian.Cache), Is.Empty);
    }

    [Test]
    public void Find_ProgramThatWasChanged_IsNotUsed()
    {
        using FakeDebian debian = new();
        debian.PublishSource("6.12", Version);
        VsockTests tests = debian.VsockTests().Fetch(Name, Silent, default);
        File.AppendAllText(tests.Programs[VsockTests.Diag], "x");

        Assert.That(debian.VsockTests().Find(Name), Is.Null);
        Assert.That(debian.VsockTests().Fetch(Name, Silent, default).Programs, Has.Count.EqualTo(3), "built again");
    }

    [Test]
    public void Fetch_SourceThatIsNotThere_SaysHowToGetLists()
    {
        using FakeDebian debian = new();
        Assert.That(
            () => debian.VsockTests().Fetch(Name, Silent, default), Throws.TypeOf<KernelException>().With.Message.Contains($"no {Package}; run: sudo apt-get update"));
    }

    [Test]
    public void Fetch_TestsThatDoNotCompile_SaysWhatTheCompilerSaid()
    {
        using FakeDebian debian = new();
        debian.PublishSource("6.12", Version, test: "this is no C");
        Assert.That(() => debian.VsockTests().Fetch(Name, Silent, default), Throws.TypeOf<KernelException>().With.Message.Contains("vsock_test does not compile here"));
        Assert.That(Directory.GetDirectories(debian.Cache), Is.Empty);
    }

    [TestCase("linux-vsock-test", "linux-source-6.12")]
    [TestCase("linux-vsock-test:6.1", "linux-source-6.1")]
    public void Name_OfASource_NamesItsPackage(string text, string package) => Assert.That(VsockTestName.Parse(text).Package, Is.EqualTo(package));

    [TestCase("linux-vsock-tests")]
    [TestCase("linux-vsock-test:")]
    [TestCase("linux-vsock-test:6.1;x")]
    public void Name_Unknown_IsRefused(string text) =>
        Assert.That(() => VsockTestName.Parse(text), Throws.TypeOf<KernelException>().With.Message.Contains("linux-vsock-test:6.1").And.Property(nameof(KernelException.IsInputError)).True);
}
