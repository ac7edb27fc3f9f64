using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Vsockspec.Results;
using Vsockspec.Targets;
using Vsockspec.Tests;

namespace Vsockspec.Cli.Tests.Packaging;

/// <summary>The packages, as others get them: packed once, then used by a project and as a tool that know nothing of the repository.</summary>
[NonParallelizable]
public sealed partial class PackageTests
{
    private const string Configuration = "Release";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);
    private InstanceFolder? _folder;

    private string Folder => _folder!.Path;

    private string Feed => Path.Combine(Folder, "feed");

    [OneTimeSetUp]
    public void Pack()
    {
        _folder = InstanceFolder.Create();
        Succeed(DotNet(Repository.Root, "pack", "Conformance.sln", "--no-build", "--configuration", Configuration, "--output", Feed, "-nodeReuse:false", "-v", "quiet"));
    }

    [OneTimeTearDown]
    public void Remove() => _folder?.Dispose();

    [Test]
    public void Pack_Solution_GivesTheFourPackagesCompleteAndWithoutPlaces()
    {
        string[] packages = [.. Directory.EnumerateFiles(Feed).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];
        Assert.That(packages.Select(p => Version().Replace(p, "")), Is.EqualTo(["Vsockspec.Conformance", "Vsockspec.Harness", "Vsockspec.Reference", "vsockspec"]));
        foreach (string package in packages)
        {
            using ZipArchive archive = ZipFile.OpenRead(Path.Combine(Feed, package));
            string description = Text(archive.Entries.Single(e => e.FullName.EndsWith(".nuspec", StringComparison.Ordinal)));
            Assert.That(description, Does.Contain("<license type=\"expression\">Apache-2.0</license>").And.Contain("<readme>README.md</readme>"), package);
            Assert.That(archive.GetEntry("README.md"), Is.Not.Null, package);
            foreach (ZipArchiveEntry entry in archive.Entries.Where(e => Path.GetFileName(e.FullName).StartsWith("vsockspec", StringComparison.OrdinalIgnoreCase)))
            {
                Assert.That(Holds(entry, Repository.Root), Is.False, $"{package}: {entry.FullName} names {Repository.Root}");
            }
        }
    }

    [Test]
    public void Sample_OnThePackages_JudgesABackEndAndCatchesABrokenOne()
    {
        string sample = CopySample("sample");
        File.WriteAllText(
            Path.Combine(sample, "my-backend.yaml"),
            File.ReadAllText(Path.Combine(sample, "my-backend.yaml")).Replace(
                "[my-backend,", $"[\"{{dotnet}}\", \"{Repository.PathOf($"src/Reference/bin/{Configuration}/net10.0/Vsockspec.Reference.dll")}\",", StringComparison.Ordinal));
        File.WriteAllText(
            Path.Combine(sample, "BrokenBackend.cs"),
            """
            namespace Vendor.Sample;

            [NUnit.Framework.TestFixture]
            public sealed class BrokenBackend : Vsockspec.Conformance.CaseFixture
            {
                protected override IEnumerable<Vsockspec.Cases.CaseRun> Runs => Catalogue.RunsOver("vhost-user").Where(run => run.Case.Id is "VSC-0101" or "VSC-0102");

                protected override Vsockspec.Targets.IDeviceTarget OpenTarget() =>
                    new Vsockspec.Conformance.ReferenceTarget("broken", Vsockspec.Reference.Mutants.MutantCatalogue.Find("response-missing")!.Parts);
            }
            """);
        Succeed(DotNet(sample, ["build", "-nodeReuse:false", "-p:UseSharedCompilation=false", "-v", "quiet", .. Sources()]));

        Dictionary<string, int> counts = Counts(DotNet(sample, "test", "--no-build", "--no-progress", "--no-ansi", "--filter", "FullyQualifiedName~MyBackend"), expected: 0);
        Assert.That(counts["failed"], Is.Zero);
        Assert.That(counts["succeeded"], Is.GreaterThan(50));
        Assert.That(counts["total"], Is.EqualTo(CountOfSelection()));

        counts = Counts(DotNet(sample, "test", "--no-build", "--no-progress", "--no-ansi", "--filter", "FullyQualifiedName~BrokenBackend"), expected: 2);
        Assert.That(counts["failed"], Is.GreaterThan(0));
    }

    [Test]
    public void Sample_ManifestIsWrong_TellsInTheTest()
    {
        string sample = CopySample("wrong");
        File.AppendAllText(Path.Combine(sample, "my-backend.yaml"), "clams: [stream]\n");
        Succeed(DotNet(sample, ["build", "-nodeReuse:false", "-p:UseSharedCompilation=false", "-v", "quiet", .. Sources()]));
        (int exitCode, string output) = DotNet(sample, "test", "--no-build", "--no-progress", "--no-ansi");
        Assert.That(exitCode, Is.Not.Zero);
        Assert.That(output, Does.Contain("my-backend.yaml:7: unknown field 'clams' (did you mean 'claims'?)"));
    }

    [Test]
    public void Tool_Installed_ListsAndJudges()
    {
        string place = Path.Combine(Folder, "tool");
        string configuration = Path.Combine(Folder, "nuget.config");
        File.WriteAllText(configuration, $"<configuration><packageSources><clear /><add key=\"packed\" value=\"{Feed}\" /></packageSources></configuration>");
        Succeed(DotNet(Folder, "tool", "install", "vsockspec", "--tool-path", place, "--configfile", configuration));
        string tool = Path.Combine(place, "vsockspec");

        (int exitCode, string output) = Run(Folder, tool, "list", "targets");
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("reference").And.Contain("linux-vhost-vsock"));

        string bundle = Path.Combine(Folder, "bundle");
        (exitCode, output) = Run(Folder, tool, "run", "--profile", "core-stream", "--quick", "--trace", "none", "--out", bundle);
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(Bundle.Open(bundle, Cases.RequirementRegister.Load()).Run.State, Is.EqualTo(RunState.Complete));
    }

    /// <summary>What 'vsockspec run' takes for the options that the sample has, which its tests have to be.</summary>
    private static int CountOfSelection()
    {
        Cases.Profile profile = Cases.Profile.Find("core-stream", SuiteData.Folder);
        return Conformance.CaseFixture.Catalogue.Runs.Count(r => r.Case.IsAbout("vhost-user") && !r.Case.NeedsGuest && profile.Includes(r) && !r.Case.Attribute.Slow);
    }

    private string CopySample(string name)
    {
        string place = Directory.CreateDirectory(Path.Combine(Folder, name)).FullName;
        foreach (string file in Directory.EnumerateFiles(Repository.PathOf("tests/Vendor.Sample")))
        {
            File.Copy(file, Path.Combine(place, Path.GetFileName(file)));
        }

        return place;
    }

    /// <summary>Ours from the feed; what others wrote from where this machine has it already.</summary>
    private string[] Sources() =>
    [
        $"-p:RestoreSources={Feed}",
        $"-p:RestorePackagesPath={Path.Combine(Folder, "packages")}",
        $"-p:RestoreFallbackFolders={Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages")}",
    ];

    private static void Succeed((int ExitCode, string Output) run) => Assert.That(run.ExitCode, Is.Zero, run.Output);

    private static Dictionary<string, int> Counts((int ExitCode, string Output) run, int expected)
    {
        Assert.That(run.ExitCode, Is.EqualTo(expected), run.Output);
        return Count().Matches(run.Output).ToDictionary(m => m.Groups[1].Value, m => int.Parse(m.Groups[2].Value));
    }

    private static bool Holds(ZipArchiveEntry entry, string text)
    {
        using Stream stream = entry.Open();
        using MemoryStream bytes = new();
        stream.CopyTo(bytes);
        return bytes.ToArray().AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0 || bytes.ToArray().AsSpan().IndexOf(Encoding.Unicode.GetBytes(text)) >= 0;
    }

    private static string Text(ZipArchiveEntry entry)
    {
        using StreamReader reader = new(entry.Open());
        return reader.ReadToEnd();
    }

    private (int ExitCode, string Output) DotNet(string folder, params string[] arguments) => Run(folder, Vsockspec.Targets.DotNet.Host, arguments);

    private (int ExitCode, string Output) Run(string folder, string program, params string[] arguments)
    {
        ProcessStartInfo info = new(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        info.Environment["TMPDIR"] = Directory.CreateDirectory(Path.Combine(Folder, "tmp")).FullName;
        info.Environment["DOTNET_ROOT"] = Path.GetDirectoryName(Vsockspec.Targets.DotNet.Host);
        info.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        info.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        info.Environment.Remove("CI");
        using Process process = Process.Start(info)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)} still runs after {Limit}");
        }

        return (process.ExitCode, output.GetAwaiter().GetResult() + errors.GetAwaiter().GetResult());
    }

    [GeneratedRegex(@"\.\d+\.\d+\.\d+\.nupkg$")]
    private static partial Regex Version();

    [GeneratedRegex(@"^ *(total|succeeded|failed|skipped): *(\d+) *$", RegexOptions.Multiline)]
    private static partial Regex Count();
}
