using System.Text.Json;
using CsCheck;
using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Harness.Tests.Targets;
using Vsockspec.Results;
using Vsockspec.Tests;

namespace Vsockspec.Harness.Tests.Results;

public sealed class BundleTests
{
    [Test]
    public void Close_CompleteRun_ReadsBackAsItWas()
    {
        using Scratch scratch = new();
        string folder = Path.Combine(scratch.Path, "b");
        RunReport written = WriteAll(folder);

        RunReport read = Bundle.Open(folder, Sample.Register);

        Assert.That(Json(read), Is.EqualTo(Json(written)));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(read.Run.Seed, Is.EqualTo(ulong.MaxValue));
            Assert.That(read.Cases[1].Findings, Is.EqualTo(Sample.Failed.Findings));
            Assert.That(read.Target.OfferedFeatures, Is.EqualTo(["stream", "version_1"]));
            Assert.That(read.Target.ProtocolFeatures, Is.EqualTo(["config"]));
            Assert.That(Directory.GetFiles(folder).Select(Path.GetFileName), Is.EquivalentTo(["results.json", "cases.jsonl", "junit.xml", "summary.md", "report.html", "ctrf.json", "results.sarif"]));
            Assert.That(Directory.Exists(Path.Combine(folder, "traces")));
        }
    }

    [Test]
    public void Close_CompleteRun_SatisfiesTheSchema()
    {
        using Scratch scratch = new();
        string folder = Path.Combine(scratch.Path, "b");
        WriteAll(folder);
        using JsonDocument schema = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("reports/schema/results.schema.json")));
        using JsonDocument results = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "results.json")));

        Assert.That(new JsonSchemaCheck(schema.RootElement).Violations(results.RootElement), Is.Empty);
        Assert.That(schema.RootElement.GetProperty("$id").GetString(), Is.EqualTo(RunReport.SchemaId));
    }

    [Test]
    public void Close_RunOfAnAdoptedSuite_SatisfiesTheSchemaAndIsReadBack()
    {
        using Scratch scratch = new();
        string folder = Path.Combine(scratch.Path, "b");
        AdoptedSuiteInfo adopted = new("linux-vsock-test", "linux-source-6.12", "6.12.1-1", new string('c', 64), new string('d', 64), "6.12.1-cloud-amd64");
        CaseResult test = Sample.Passed with
        {
            Id = "LVT-08", Area = "linux-vsock-test", Requirements = [], Level = RequirementLevel.Adopted, Variant = "guest-client", Trace = null, Log = "8 - x...ok",
        };
        CaseResult measured = Sample.Probed with { Id = "LVP-00", Area = "linux-vsock-test", Requirements = [], Level = RequirementLevel.Adopted, Variant = "host-client" };
        using (BundleWriter writer = BundleWriter.Create(folder, Sample.Suite with { Adopted = adopted }, Sample.Target, Sample.Machine, Sample.Run with { Selected = 2 }, Sample.Register))
        {
            writer.CaseFinished(test);
            writer.CaseFinished(measured);
            writer.Close(RunState.Complete);
        }

        Assert.That(Violations(folder), Is.Empty);

        RunReport read = Bundle.Open(folder, Sample.Register);
        Assert.That(read.Suite.Adopted, Is.EqualTo(adopted));
        Assert.That(read.Cases[0].FullName, Is.EqualTo("LVT-08[guest-client]"));
        Assert.That(read.Requirements, Is.Empty);
        Assert.That(File.ReadAllText(Path.Combine(folder, "summary.md")), Does.Contain("linux-source-6.12 6.12.1-1"));
        Assert.That(BundleDiff.Between(read, read), Is.Empty);
    }

    [Test]
    public void Build_Requirements_TakeTheWorstOfCasesAndAuditor()
    {
        RunReport report = Sample.Report();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                report.Requirements.Select(r => (r.Id, r.Verdict)),
                Is.EqualTo([
                    ("CF-01", Verdict.Inconclusive), ("VQ-16", Verdict.Fail), ("VS-CRED-DEV-1", Verdict.Fail), ("VS-FEAT-DEV-1", Verdict.NonStrict),
                    ("VS-X-24", Verdict.Pass),
                ]));
            Assert.That(report.Summary.ByLevel[RequirementLevel.Must], Is.EqualTo(new Dictionary<Verdict, int> { [Verdict.Fail] = 2, [Verdict.Inconclusive] = 1 }));
            Assert.That(report.ImplementationProfile.Single().Situations, Is.EqualTo(["B-05"]));
            Assert.That(report.Auditor.Single().Case, Is.EqualTo("VSC-0102[packed+event_idx]"));
        }
    }

    [Test]
    public void Open_KilledRun_HasEveryResultThatWasWritten()
    {
        using Scratch scratch = new();
        string folder = Path.Combine(scratch.Path, "b");
        using (BundleWriter writer = Sample.Begin(folder))
        {
            writer.TargetProbed(Sample.Facts);
            writer.CaseFinished(Sample.Passed);
            writer.CaseFinished(Sample.Failed);
        }

        // What a process leaves that is killed in the middle of a line.
        File.AppendAllText(Path.Combine(folder, "cases.jsonl"), "{\"id\":\"VSC-09");

        RunReport report = Bundle.Open(folder, Sample.Register);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report.Cases.Select(c => c.FullName), Is.EqualTo(["VSC-0101[split]", "VSC-0102[packed+event_idx]"]));
            Assert.That(report.Cases[1].Findings, Has.Count.EqualTo(1));
            Assert.That(report.Run.State, Is.EqualTo(RunState.Running));
            Assert.That(report.Summary.Cases, Is.EqualTo(2));
        }
    }

    [Test]
    public void Create_FolderThatHasABundle_IsRefused()
    {
        using Scratch scratch = new();
        WriteAll(Path.Combine(scratch.Path, "b"));
        Assert.That(
            () => Sample.Begin(Path.Combine(scratch.Path, "b")),
            Throws.TypeOf<BundleException>().With.Message.Contains("has a bundle already; give another folder"));
    }

    [Test]
    public void Create_FolderThatIsAFile_SaysSo()
    {
        using Scratch scratch = new();
        string file = scratch.Write("b", "");
        Assert.That(() => Sample.Begin(file), Throws.TypeOf<BundleException>().With.Message.StartsWith(file));
    }

    [Test]
    public void CaseFinished_FullDisk_SaysSoAndKeepsWhatWasWritten()
    {
        using Scratch scratch = new();
        File.CreateSymbolicLink(Path.Combine(scratch.Path, "cases.jsonl"), "/dev/full");
        using BundleWriter writer = Sample.Begin(scratch.Path);

        Assert.That(() => writer.CaseFinished(Sample.Passed), Throws.TypeOf<BundleException>().With.Message.Contains("cases.jsonl: No space left on device"));
        Assert.That(writer.Cases, Is.Empty);
    }

    [TestCase("{", "not a results document")]
    [TestCase("null", "not a results document")]
    [TestCase("{\"schema\":\"urn:vsockspec:results:1\"}", "not a results document")]
    public void Open_WrongDocument_NamesIt(string json, string message)
    {
        using Scratch scratch = new();
        scratch.Write("results.json", json);
        Assert.That(() => Bundle.Open(scratch.Path, Sample.Register), Throws.TypeOf<BundleException>().With.Message.Contains("results.json: " + message));
    }

    [Test]
    public void Open_AnotherSchema_IsRefused()
    {
        using Scratch scratch = new();
        string folder = Path.Combine(scratch.Path, "b");
        WriteAll(folder);
        string file = Path.Combine(folder, "results.json");
        File.WriteAllText(file, File.ReadAllText(file).Replace("results:1", "results:9", StringComparison.Ordinal));
        Assert.That(() => Bundle.Open(folder, Sample.Register), Throws.TypeOf<BundleException>().With.Message.Contains("has the schema 'urn:vsockspec:results:9'"));
    }

    [Test]
    public void Open_WrongLine_NamesTheLine()
    {
        using Scratch scratch = new();
        string folder = Path.Combine(scratch.Path, "b");
        using (BundleWriter writer = Sample.Begin(folder))
        {
            writer.CaseFinished(Sample.Passed);
        }

        File.AppendAllText(Path.Combine(folder, "cases.jsonl"), "nonsense\n");
        Assert.That(() => Bundle.Open(folder, Sample.Register), Throws.TypeOf<BundleException>().With.Message.Contains("cases.jsonl:2: not a case result"));
    }

    [Test]
    public void Open_NoBundle_SaysWhatToGive() =>
        Assert.That(() => Bundle.Open("/nowhere", Sample.Register), Throws.TypeOf<BundleException>().With.Message.Contains("no such file; give the folder that 'vsockspec run' wrote"));

    [Test]
    public void Merge_TwoShards_IsTheWholeRun()
    {
        using Scratch scratch = new();
        string[] parts = [Path.Combine(scratch.Path, "1"), Path.Combine(scratch.Path, "2")];
        WritePart(parts[0], "1/2", Sample.Passed, Sample.Probed);
        WritePart(parts[1], Sample.Target, Sample.Machine with { Cpu = "Another CPU" }, "2/2", 5, Sample.Failed, Sample.Loose, Sample.Unjudged);
        File.WriteAllText(Path.Combine(parts[0], Sample.Passed.Trace!), "packets");
        string merged = Path.Combine(scratch.Path, "m");

        RunReport report = BundleMerge.Merge(parts, merged, Sample.Register);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(report.Cases.Select(c => c.Id), Is.EqualTo(["VSC-0101", "VSC-0102", "VSC-0103", "VSC-0104", "VSC-0901"]));
            Assert.That(report.Run.State, Is.EqualTo(RunState.Complete));
            Assert.That(report.Run.Selected, Is.EqualTo(5));
            Assert.That(report.Run.Shard, Is.Null);
            Assert.That(report.Run.Whole, Is.Null);
            Assert.That(report.Parts.Select(p => (p.Shard, p.Environment.Cpu)), Is.EqualTo([("1/2", "A CPU"), ("2/2", "Another CPU")]));
            Assert.That(File.ReadAllText(Path.Combine(merged, "summary.md")), Does.Contain("| machine of 2/2 | Another CPU"));
            Assert.That(Directory.GetFiles(merged).Select(Path.GetFileName), Is.EquivalentTo(["results.json", "cases.jsonl", "junit.xml", "summary.md", "report.html", "ctrf.json", "results.sarif"]));
            Assert.That(Violations(merged), Is.Empty);
            Assert.That(File.ReadAllText(Path.Combine(merged, Sample.Passed.Trace!)), Is.EqualTo("packets"));
            Assert.That(Json(Bundle.Open(merged, Sample.Register)), Is.EqualTo(Json(report)));
        }
    }

    [Test]
    public void Merge_SameCaseTwice_IsRefused()
    {
        using Scratch scratch = new();
        string[] parts = [Path.Combine(scratch.Path, "1"), Path.Combine(scratch.Path, "2")];
        WritePart(parts[0], "1/2", Sample.Passed);
        WritePart(parts[1], "2/2", Sample.Passed);
        Assert.That(
            () => BundleMerge.Merge(parts, Path.Combine(scratch.Path, "m"), Sample.Register),
            Throws.TypeOf<BundleException>().With.Message.Contains("has VSC-0101[split], which another bundle has already"));
    }

    [Test]
    public void Merge_OtherVersionOfATargetWithoutDigest_IsRefused()
    {
        using Scratch scratch = new();
        string[] parts = [Path.Combine(scratch.Path, "1"), Path.Combine(scratch.Path, "2")];
        WritePart(parts[0], Sample.Target with { Version = "6.1.0-56-cloud-amd64" }, "1/2", Sample.Passed);
        WritePart(parts[1], Sample.Target with { Version = "6.12.117-cloud-amd64" }, "2/2", Sample.Failed);
        Assert.That(
            () => BundleMerge.Merge(parts, Path.Combine(scratch.Path, "m"), Sample.Register),
            Throws.TypeOf<BundleException>().With.Message.Contains("is not of the same run as").And.Message.Contains("version 6.12.117-cloud-amd64), there sample"));
    }

    [Test]
    public void Merge_ShardsOfOtherOptions_AreRefused()
    {
        using Scratch scratch = new();
        string[] parts = [Path.Combine(scratch.Path, "1"), Path.Combine(scratch.Path, "2")];
        WritePart(parts[0], Sample.Target, Sample.Machine, "1/2", 2, Loose());
        WritePart(parts[1], Sample.Target, Sample.Machine, "2/2", 3, Sample.Failed);
        Assert.That(
            () => BundleMerge.Merge(parts, Path.Combine(scratch.Path, "m"), Sample.Register),
            Throws.TypeOf<BundleException>().With.Message.Contains("all shards together have 3 results, there 2; give all shards the same options"));
    }

    [TestCase("2/3", "is not of the same run as", "it is shard 2/3, the other shard 1/2")]
    [TestCase(null, "is not of the same run as", "it is shard 1/2, the other no shard")]
    [TestCase("1/2", "is shard 1/2, and so is", "give each shard once")]
    [TestCase("5/2", "calls itself shard '5/2'", "a shard is called I/N")]
    public void Merge_ShardsThatDoNotBelongTogether_AreRefused(string? second, string message, string detail)
    {
        using Scratch scratch = new();
        string[] parts = [Path.Combine(scratch.Path, "1"), Path.Combine(scratch.Path, "2")];
        WritePart(parts[0], "1/2", Loose());
        WritePart(parts[1], second, Sample.Failed);
        Assert.That(
            () => BundleMerge.Merge(parts, Path.Combine(scratch.Path, "m"), Sample.Register),
            Throws.TypeOf<BundleException>().With.Message.Contains(message).And.Message.Contains(detail));
    }

    [Test]
    public void Merge_MissingShard_IsNamedAndTheWholeIsNotComplete()
    {
        using Scratch scratch = new();
        string[] parts = [Path.Combine(scratch.Path, "4"), Path.Combine(scratch.Path, "1")];
        WritePart(parts[0], "4/4", Sample.Failed);
        WritePart(parts[1], "1/4", Loose());

        RunReport report = BundleMerge.Merge(parts, Path.Combine(scratch.Path, "m"), Sample.Register);

        Assert.That(report.Run.State, Is.EqualTo(RunState.Stopped));
        Assert.That(report.Run.Error, Is.EqualTo("shard 2/4 is missing; shard 3/4 is missing"));
        Assert.That((report.Cases.Count, report.Run.Selected), Is.EqualTo((2, 5)));
        Assert.That(report.Parts.Select(p => p.Shard), Is.EqualTo(["1/4", "4/4"]));
    }

    [Test]
    public void Merge_ShardThatWasKilled_IsNamedAndTheWholeIsNotComplete()
    {
        using Scratch scratch = new();
        string[] parts = [Path.Combine(scratch.Path, "1"), Path.Combine(scratch.Path, "2")];
        WritePart(parts[0], "1/2", Loose());
        using (BundleWriter killed = BundleWriter.Create(
            parts[1], Sample.Suite, Sample.Target, Sample.Machine, Sample.Run with { Shard = "2/2", Selected = 4, Whole = 5 }, Sample.Register))
        {
            killed.CaseFinished(Sample.Failed);
        }

        RunReport report = BundleMerge.Merge(parts, Path.Combine(scratch.Path, "m"), Sample.Register);

        Assert.That(report.Run.State, Is.EqualTo(RunState.Stopped));
        Assert.That(report.Run.Error, Is.EqualTo("shard 2/2 has 1 of 4 results"));
        Assert.That(report.Parts.Select(p => p.State), Is.EqualTo([RunState.Complete, RunState.Running]));
    }

    [TestCase("traces/gone.pcapng")]
    [TestCase("traces/../../secret")]
    [TestCase("/etc/hostname")]
    [TestCase("traces/link.pcapng")]
    [TestCase("secret")]
    public void Merge_TraceThatIsNoFileOfTheBundle_IsRefusedAndNothingIsWritten(string trace)
    {
        using Scratch scratch = new();
        string part = Path.Combine(scratch.Path, "1");
        scratch.Write("secret", "not a trace");
        WritePart(part, "1/1", Loose() with { Trace = trace });
        File.CreateSymbolicLink(Path.Combine(part, "traces", "link.pcapng"), Path.Combine(scratch.Path, "secret"));
        File.WriteAllText(Path.Combine(part, "secret"), "not a trace");

        Assert.That(
            () => BundleMerge.Merge([part], Path.Combine(scratch.Path, "m"), Sample.Register),
            Throws.TypeOf<BundleException>().With.Message.Contains($"names the trace '{trace}', which is no file in its folder traces"));
        Assert.That(Directory.Exists(Path.Combine(scratch.Path, "m")), Is.False);
    }

    [Test]
    public void ShardOf_AnyNumberOfParts_AreTheWholeAndDisjointAndAlike() =>
        Gen.Select(Gen.Int[0, 400], Gen.Int[1, 1000]).Sample((size, count) =>
        {
            int[] whole = [.. Enumerable.Range(0, size)];
            int[][] parts = [.. Enumerable.Range(1, count).Select(i => new Shard(i, count).Of(whole).ToArray())];
            return parts.Sum(p => p.Length) == size
                && parts.SelectMany(p => p).Order().SequenceEqual(whole)
                && parts.Max(p => p.Length) - parts.Min(p => p.Length) <= 1;
        });

    [TestCase("1/1", true)]
    [TestCase("10000/10000", true)]
    [TestCase("0/4", false)]
    [TestCase("5/4", false)]
    [TestCase("1/10001", false)]
    [TestCase("-1/4", false)]
    [TestCase("1/4/4", false)]
    [TestCase("1", false)]
    [TestCase("a/b", false)]
    public void Parse_Shard_TakesOnlyPartsThatExist(string text, bool good) =>
        Assert.That(Shard.Parse(text)?.ToString(), Is.EqualTo(good ? text : null));

    [Test]
    public void Between_ChangedVerdicts_AreListedAndWorseOnesMarked()
    {
        RunReport before = Sample.Report();
        RunReport after = ReportBuilder.Build(
            Sample.Suite, Sample.Target, Sample.Machine, before.Run, [],
            [Sample.Passed with { Verdict = Verdict.Fail }, Sample.Failed with { Verdict = Verdict.Pass }, Sample.Probed, Sample.Loose], Sample.Register);

        IReadOnlyList<CaseChange> changes = BundleDiff.Between(before, after);

        Assert.That(
            changes.Select(c => (c.Case, c.Before, c.After, c.IsWorse)),
            Is.EqualTo([
                ("VSC-0101[split]", Verdict.Pass, Verdict.Fail, true),
                ("VSC-0102[packed+event_idx]", Verdict.Fail, Verdict.Pass, false),
                ("VSC-0104", (Verdict?)Verdict.Inconclusive, (Verdict?)null, false),
            ]));
    }

    private static RunReport WriteAll(string folder)
    {
        using BundleWriter writer = Sample.Begin(folder);
        writer.TargetProbed(Sample.Facts);
        foreach (CaseResult result in Sample.All)
        {
            writer.CaseFinished(result);
        }

        return writer.Close(RunState.Complete);
    }

    private static CaseResult Loose() => Sample.Passed with { Trace = null };

    private static IReadOnlyList<string> Violations(string folder)
    {
        using JsonDocument schema = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("reports/schema/results.schema.json")));
        using JsonDocument results = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "results.json")));
        return new JsonSchemaCheck(schema.RootElement).Violations(results.RootElement);
    }

    private static void WritePart(string folder, string? shard, params CaseResult[] results) => WritePart(folder, Sample.Target, Sample.Machine, shard, 5, results);

    private static void WritePart(string folder, TargetInfo target, string? shard, params CaseResult[] results) => WritePart(folder, target, Sample.Machine, shard, 5, results);

    private static void WritePart(string folder, TargetInfo target, EnvironmentInfo machine, string? shard, int whole, params CaseResult[] results)
    {
        using BundleWriter writer = BundleWriter.Create(
            folder, Sample.Suite, target, machine, Sample.Run with { Shard = shard, Selected = results.Length, Whole = shard is null ? null : whole }, Sample.Register);
        foreach (CaseResult result in results)
        {
            writer.CaseFinished(result);
        }

        writer.Close(RunState.Complete);
    }

    private static string Json(RunReport report) => System.Text.Encoding.UTF8.GetString(BundleJson.Document(report));
}
