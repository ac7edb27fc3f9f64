using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Targets;
using Vsockspec.Tests;

namespace Vsockspec.Cli.Tests;

/// <summary>What is under ci/ for other people's machines: checked against the published schemas, and its script run.</summary>
public sealed class CiDefinitionTests
{
    private const string Checker = "ci/schemas/check.mjs";

    public static IEnumerable<string> Definitions() =>
        new[] { "ci/workflows", "ci/kubernetes" }.SelectMany(folder => Directory.EnumerateFiles(Repository.PathOf(folder))).Select(f => Path.GetRelativePath(Repository.Root, f)).Order();

    [TestCaseSource(nameof(Definitions))]
    [CancelAfter(60_000)]
    public void Definition_IsAsItsPublishedSchemaSays(string file) => Assert.That(Check(file), Is.EqualTo((0, "")));

    /// <summary>The check itself can fail: a misspelt field, a wrong type, a field that is missing.</summary>
    [TestCase("ci/kubernetes/shards.yaml", "completionMode: Indexed", "completonMode: Indexed", "spec.completonMode: the schema has no such field")]
    [TestCase("ci/kubernetes/shards.yaml", "completions: 3", "completions: three", "spec/completions must be integer")]
    [TestCase("ci/kubernetes/merge.yaml", "- name: vsockspec", "- nome: vsockspec", "must have required property name")]
    [TestCase("ci/workflows/shards.yml", "    runs-on: ubuntu-latest\n    timeout-minutes: 30", "    timeout-minutes: 30", "/jobs/shard")]
    [CancelAfter(60_000)]
    public void Check_DefinitionWithAMistake_NamesIt(string file, string good, string bad, string message)
    {
        using Terminal terminal = new();
        string text = File.ReadAllText(Repository.PathOf(file));
        Assert.That(text, Does.Contain(good));
        (int exitCode, string output) = Check(terminal.Write(Path.GetFileName(file), text.Replace(good, bad, StringComparison.Ordinal)));
        Assert.That(exitCode, Is.EqualTo(1), output);
        Assert.That(output, Does.Contain(message));
    }

    [Test]
    public void Definitions_OfShards_HaveAsManyAsTheySay()
    {
        string job = File.ReadAllText(Repository.PathOf("ci/kubernetes/shards.yaml"));
        string merge = File.ReadAllText(Repository.PathOf("ci/kubernetes/merge.yaml"));
        string workflow = File.ReadAllText(Repository.PathOf("ci/workflows/shards.yml"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(job, Does.Contain("completions: 3\n").And.Contain("parallelism: 3\n").And.Contain("name: SHARD_COUNT\n              value: \"3\"\n"));
            Assert.That(merge, Does.Contain("name: SHARD_COUNT\n              value: \"3\"\n"));
            Assert.That(workflow, Does.Contain("SHARD_COUNT: 3\n").And.Contain("shard: [1, 2, 3]\n"));
        }
    }

    /// <summary>What the pods of the Indexed Job do, one after the other, with the real program and the reference device.</summary>
    [Test]
    [CancelAfter(120_000)]
    public void ShardScript_IndexZeroToN_AndMerge_IsTheWholeRun()
    {
        const int Count = 3;
        using Terminal terminal = new();
        string[] options = ["--target", "reference", "--profile", "vhost-user"];
        for (int index = 0; index < Count; index++)
        {
            Assert.That(Script(terminal, Count, index, ["run", .. options]), Is.Zero, terminal.Error);
        }

        Assert.That(Script(terminal, Count, 1, ["run", .. options]), Is.Zero, "a shard that is complete is left alone");
        Assert.That(Script(terminal, Count, null, ["merge"]), Is.Zero);
        Assert.That(Direct(["run", .. options, "--seed", "5", "--out", terminal.PathOf("alone")]), Is.Zero);

        RequirementRegister register = RequirementRegister.Load();
        RunReport merged = Bundle.Open(terminal.PathOf("whole"), register);
        RunReport alone = Bundle.Open(terminal.PathOf("alone"), register);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(merged.Run.State, Is.EqualTo(RunState.Complete), merged.Run.Error);
            Assert.That(merged.Parts.Select(p => p.Shard), Is.EqualTo(["1/3", "2/3", "3/3"]));
            Assert.That(merged.Run.Selected, Is.EqualTo(alone.Run.Selected));
            Assert.That(merged.Cases.Select(c => (c.FullName, c.Verdict, c.Seed)), Is.EquivalentTo(alone.Cases.Select(c => (c.FullName, c.Verdict, c.Seed))));
            Assert.That(merged.Target.Digest, Is.EqualTo(alone.Target.Digest));
            Assert.That(BundleDiff.Between(alone, merged), Is.Empty);
        }
    }

    [Test]
    public void ShardScript_KilledShard_GoesOnWhereItWas()
    {
        using Terminal terminal = new();
        string bundle = terminal.PathOf("shard-1-of-1");
        Assert.That(Direct(["run", "--profile", "vhost-user", "--case", "VSC-120*", "--seed", "5", "--shard", "1/1", "--out", bundle]), Is.Zero);
        string results = Path.Combine(bundle, "results.json");
        string[] lines = File.ReadAllLines(Path.Combine(bundle, "cases.jsonl"));
        File.WriteAllLines(Path.Combine(bundle, "cases.jsonl"), lines.Take(2));
        File.WriteAllText(results, File.ReadAllText(results).Replace("\"state\": \"Complete\"", "\"state\": \"Running\"", StringComparison.Ordinal));

        Assert.That(Script(terminal, 1, 0, ["run", "--profile", "vhost-user", "--case", "VSC-120*"]), Is.Zero);
        RunReport resumed = Bundle.Open(bundle, RequirementRegister.Load());
        Assert.That((resumed.Run.State, resumed.Cases.Count), Is.EqualTo((RunState.Complete, lines.Length)));
    }

    [TestCase("3", "3", "JOB_COMPLETION_INDEX is 3, and the last of 3 shards has 2")]
    [TestCase("0", "0", "SHARD_COUNT is 0")]
    [TestCase("x", "0", "SHARD_COUNT is 'x'; give a whole number")]
    [TestCase("3", "010", "JOB_COMPLETION_INDEX is '010'; give a whole number")]
    public void ShardScript_WrongNumbers_SaySo(string count, string index, string message)
    {
        using Terminal terminal = new();
        (int exitCode, string output) = Run(
            Repository.PathOf("ci/shard.sh"), ["run"], new() { ["SHARD_COUNT"] = count, ["JOB_COMPLETION_INDEX"] = index, ["SHARD_SEED"] = "5", ["SHARD_OUT"] = terminal.Folder });
        Assert.That(exitCode, Is.EqualTo(2));
        Assert.That(output, Does.Contain(message));
    }

    private static int Script(Terminal terminal, int count, int? index, string[] arguments)
    {
        Dictionary<string, string> environment = new()
        {
            ["SHARD_COUNT"] = $"{count}", ["SHARD_SEED"] = "5", ["SHARD_OUT"] = terminal.Folder, ["VSOCKSPEC"] = string.Join(' ', Program),
        };
        if (index is not null)
        {
            environment["JOB_COMPLETION_INDEX"] = $"{index}";
        }

        (int exitCode, string output) = Run(Repository.PathOf("ci/shard.sh"), arguments, environment);
        TestContext.Out.WriteLine(output);
        return exitCode;
    }

    private static int Direct(string[] arguments)
    {
        (int exitCode, string output) = Run(Program[0], [.. Program[1..], .. arguments], []);
        TestContext.Out.WriteLine(output);
        return exitCode;
    }

    private static string[] Program => [DotNet.Host, Path.Combine(TestContext.CurrentContext.TestDirectory, "vsockspec.dll")];

    private static (int ExitCode, string Output) Check(string file)
    {
        if (!Directory.Exists(Repository.PathOf("ci/schemas/node_modules")))
        {
            const string Remedy = "the published schemas are not installed; run ci/setup.sh";
            Assert.That(Environment.GetEnvironmentVariable("CI"), Is.Null.Or.Empty, Remedy);
            Assert.Ignore(Remedy);
        }

        return Run("node", [Repository.PathOf(Checker), file], []);
    }

    private static (int ExitCode, string Output) Run(string program, IEnumerable<string> arguments, Dictionary<string, string> environment)
    {
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = Repository.Root, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
