using System.Globalization;
using System.Reflection;
using System.Text.Json.Nodes;
using CsCheck;
using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Tests;

/// <summary>A run in parts and the same run in one piece are the same.</summary>
public sealed class ShardTests
{
    private static readonly string[] Profiles = ["core-stream", "device-vhost-user", "driver", "interop", "packed-ring", "virtio-1.2"];

    [Test]
    public void From_ShardsOfAnyNumber_AreTheWholeSelectionAndDisjoint()
    {
        Catalogue catalogue = Catalogue.Of(Assembly.Load("Vsockspec.Conformance"));
        Profile[] profiles = [.. Profiles.Select(name => Profile.Find(name, SuiteData.Folder))];
        Gen.Select(Gen.Int[0, Profiles.Length - 1], Gen.Int[1, 40], Gen.Bool, Gen.Bool, Gen.ULong).Sample(
            (profile, count, quick, shuffle, seed) =>
            {
                Selection whole = new()
                {
                    Profile = profiles[profile],
                    Transport = "vhost-user",
                    Role = profiles[profile].Role ?? TargetRole.Device,
                    Quick = quick,
                    ShuffleSeed = shuffle ? seed : null,
                };
                string[][] shards = [.. Enumerable.Range(1, count).Select(i => Names(whole with { Shard = new Shard(i, count) }, catalogue))];
                return shards.SelectMany(s => s).Order(StringComparer.Ordinal).SequenceEqual(Names(whole, catalogue).Order(StringComparer.Ordinal));
            },
            iter: 60);
    }

    /// <summary>Also with more shards than cases, whatever order they ran in and are given in.</summary>
    [Test]
    public void Merge_ShardsOfAnyNumber_IsTheRunInOnePiece() =>
        Gen.Select(Gen.Int[1, 9], Gen.Int[1, 3], Gen.Bool, Gen.UInt).Sample(
            (count, repeat, shuffle, order) =>
            {
                using Terminal terminal = new() { Judge = Judge };
                string[] options = ["--seed", "7", "--repeat", repeat.ToString(CultureInfo.InvariantCulture), .. shuffle ? ["--shuffle"] : Array.Empty<string>()];
                int exitCode = terminal.Run(["run", .. options, "--out", terminal.PathOf("whole")]);
                string[] parts = [.. Enumerable.Range(1, count).Select(i => terminal.PathOf($"part{i}"))];
                for (int i = 0; i < count; i++)
                {
                    terminal.Run(["run", .. options, "--shard", $"{i + 1}/{count}", "--out", parts[i]]);
                }

                new Random((int)(order & int.MaxValue)).Shuffle(parts);
                Assert.That(terminal.Run(["merge", .. parts, "--out", terminal.PathOf("merged")]), Is.EqualTo(exitCode), terminal.Error);
                Assert.That(Content(terminal.PathOf("merged")), Is.EqualTo(Content(terminal.PathOf("whole"))));
                Assert.That(Files(terminal.PathOf("merged")), Is.EqualTo(Files(terminal.PathOf("whole"))));
            },
            iter: 12,
            threads: 1);

    [Test]
    public void Merge_MissingShard_SaysWhichAndExitsWithThree()
    {
        using Terminal terminal = new();
        terminal.Run("run", "--seed", "7", "--shard", "1/3", "--out", terminal.PathOf("1"));
        terminal.Run("run", "--seed", "7", "--shard", "3/3", "--out", terminal.PathOf("3"));

        Assert.That(terminal.Run("merge", terminal.PathOf("1"), terminal.PathOf("3"), "--out", terminal.PathOf("m")), Is.EqualTo(3));
        Assert.That(terminal.Error, Is.EqualTo("vsockspec: shard 2/3 is missing\n"));
        Assert.That(terminal.Out, Does.Contain("4 of 6 cases"));
        Assert.That(File.ReadAllText(terminal.PathOf("m/summary.md")), Does.Contain("**Partial: 4 of 6 results; shard 2/3 is missing.**"));
    }

    [Test]
    public void Run_ShardWithoutCases_IsACompleteBundle()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("run", "--seed", "7", "--shard", "9/9", "--out", terminal.PathOf("b")), Is.Zero, terminal.Error);
        RunReport report = Bundle.Open(terminal.PathOf("b"), RequirementRegister.Load());
        Assert.That((report.Run.State, report.Run.Selected, report.Run.Whole), Is.EqualTo((RunState.Complete, 0, 6)));
    }

    private static Verdict Judge(CaseRun run) => run.Case.Id switch
    {
        "VSC-0102" => Verdict.Fail,
        "VSC-0201" => Verdict.NonStrict,
        _ => Verdict.Pass,
    };

    private static string[] Names(Selection selection, Catalogue catalogue) => [.. selection.From(catalogue).Select(r => r.FullName)];

    private static string Files(string folder) => string.Join(
        '\n', Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(folder, f)).Order(StringComparer.Ordinal));

    /// <summary>The document without times, ids and the machines of the parts, its cases in the order of a merged one.</summary>
    private static string Content(string folder)
    {
        JsonObject document = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, Bundle.ResultsFile)))!.AsObject();
        document.Remove("parts");
        foreach (string field in (string[])["id", "startedAt", "durationMs"])
        {
            document["run"]!.AsObject().Remove(field);
        }

        JsonNode[] cases = [.. document["cases"]!.AsArray().Select(c => c!.DeepClone())
            .OrderBy(c => $"{c["id"]}[{c["variant"]}]", StringComparer.Ordinal).ThenBy(c => c["repetition"]!.GetValue<int>())];
        document["cases"] = new JsonArray(cases);
        return document.ToJsonString();
    }
}
