using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Cases.Adopted;
using Vsockspec.Guests;
using Vsockspec.Results;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Tests;

/// <summary>Runs of an adopted suite, from programs that only tell their tests, over a scripted runner: what becomes of the results.</summary>
public sealed class AdoptedRunTests
{
    private const string SuiteName = "linux-vsock-test";

    private const string Known =
        """
        expectations:
          - case: "LVT-01*"
            failureCode: no-rst
            reason: does not tell of the reset
            link: https://example.org/1
            owner: me
            expires: 2999-12-31
          - case: "VSC-0102"
            failureCode: no-rst
            reason: one of our own cases
            link: https://example.org/2
            owner: me
            expires: 2999-12-31
        """;

    [Test]
    public void Run_WithATestKnownToFail_Passes()
    {
        using Terminal terminal = new() { Judge = run => run.Case.Id == "LVT-01" ? Verdict.Fail : Verdict.Pass };

        Assert.That(RunSuite(terminal, "b", Known), Is.Zero, terminal.Error);

        RunReport report = Bundle.Open(terminal.PathOf("b"), RequirementRegister.Load());
        Assert.That(
            report.Cases.Where(c => c.Verdict == Verdict.KnownFailure).Select(c => (c.FullName, c.FailureCode)),
            Is.EqualTo([("LVT-01[guest-client]", "no-rst"), ("LVT-01[host-client]", "no-rst")]));
        Assert.That(report.Cases.Where(c => c.Verdict != Verdict.KnownFailure).Select(c => c.Verdict), Is.All.EqualTo(Verdict.Pass));
    }

    [Test]
    public void Run_WithATestThatPassesUnexpectedly_Fails()
    {
        using Terminal terminal = new();
        Assert.That(RunSuite(terminal, "b", Known), Is.EqualTo(1));
        Assert.That(terminal.Out, Does.Contain("2 UnexpectedPass"));
    }

    [Test]
    public void Run_WithAnEntryForNoTest_SaysWhich()
    {
        using Terminal terminal = new();
        Assert.That(
            () => RunSuite(terminal, "b", Known.Replace("LVT-01*", "LVT-02*", StringComparison.Ordinal)),
            Throws.TypeOf<DataFileException>().With.Message.Contains("field 'expectations[0].case' is 'LVT-02*', which matches no case"));
    }

    [Test]
    public void MergeReportAndDiff_ShardsOfAnAdoptedSuite_AreTheWholeRun()
    {
        using Terminal terminal = new() { Judge = run => run.FullName == "LVD-00[host-client]" ? Verdict.NotSupported : Verdict.Pass };
        Assert.That(RunSuite(terminal, "whole", null), Is.Zero, terminal.Error);
        Assert.That(RunSuite(terminal, "1", null, new Shard(1, 2)), Is.Zero, terminal.Error);
        Assert.That(RunSuite(terminal, "2", null, new Shard(2, 2)), Is.Zero, terminal.Error);

        Assert.That(terminal.Run("merge", terminal.PathOf("1"), terminal.PathOf("2"), "--out", terminal.PathOf("merged")), Is.Zero, terminal.Error);
        Assert.That(terminal.Run("diff", terminal.PathOf("whole"), terminal.PathOf("merged")), Is.Zero);
        Assert.That(terminal.Out, Is.EqualTo("no difference\n"));
        Assert.That(terminal.Run("report", terminal.PathOf("merged")), Is.Zero, terminal.Error);

        RunReport whole = Bundle.Open(terminal.PathOf("whole"), RequirementRegister.Load());
        RunReport merged = Bundle.Open(terminal.PathOf("merged"), RequirementRegister.Load());
        Assert.That(merged.Suite, Is.EqualTo(whole.Suite));
        Assert.That(merged.Suite.Adopted!.Guest, Is.EqualTo("6.12.1-cloud-amd64"));
        Assert.That((merged.Run.State, merged.Run.Selected, merged.Cases.Count), Is.EqualTo((RunState.Complete, 10, 10)));
        Assert.That(merged.Cases.Select(c => c.Level), Is.All.EqualTo(RequirementLevel.Adopted));
    }

    [Test]
    public void Merge_PartsWithOtherGuests_IsRefused()
    {
        using Terminal terminal = new();
        RunSuite(terminal, "1", null, new Shard(1, 2));
        RunSuite(terminal, "2", null, new Shard(2, 2), guest: "6.1.1-cloud-amd64");

        Assert.That(terminal.Run("merge", terminal.PathOf("1"), terminal.PathOf("2"), "--out", terminal.PathOf("merged")), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain("is not of the same run"));
    }

    private static int RunSuite(Terminal terminal, string folder, string? expectations, Shard? shard = null, string guest = "6.12.1-cloud-amd64")
    {
        if (expectations is not null)
        {
            terminal.Write("known.yaml", expectations);
        }

        TargetManifest manifest = TargetManifest.Load(terminal.Write(
            "target.yaml",
            $"name: a-kernel\nrole: device\ntransport: vhost-kernel\ndevice: /dev/vhost-vsock\n{(expectations is null ? "" : "expectations: known.yaml\n")}"));
        AdoptedSuite suite = AdoptedSuite.Of(Programs(terminal), CancellationToken.None);
        Profile all = new() { Name = SuiteName, Description = "All of it." };
        Selection selection = new() { Profile = all, Transport = manifest.Transport, Shard = shard };
        return terminal.Run(bench =>
        {
            RunSession session = new(bench, bench.RunSuite!, manifest.File, manifest, guests: null, SuiteName, shard)
            {
                Adopted = new AdoptedSuiteInfo(SuiteName, suite.Programs.Package, suite.Programs.PackageVersion, suite.Programs.PackageSha256, suite.Programs.SourceSha256, guest),
                AdoptedRuns = suite.Runs,
            };
            return session.Execute(selection.From(suite.Runs), new RunSettings { Seed = 7, Out = terminal.PathOf(folder) });
        });
    }

    /// <summary>Two tests of sockets, one of netlink, and what has no list: ten cases.</summary>
    private static VsockTests Programs(Terminal terminal) => new(
        "linux-source-6.12",
        "6.12.1-1",
        new string('c', 64),
        new string('d', 64),
        new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [VsockTests.Test] = Script(terminal, VsockTests.Test, "SOCK_STREAM connection reset", "SOCK_STREAM bind only"),
            [VsockTests.Diag] = Script(terminal, VsockTests.Diag, "No sockets"),
        },
        new Dictionary<string, string>(StringComparer.Ordinal));

    private static string Script(Terminal terminal, string name, params string[] tests)
    {
        string list = string.Concat(tests.Select((test, index) => $"{index}\t{test}\n"));
        string path = terminal.Write(name, $"#!/bin/sh\ncat <<'END'\nID\tTest name\n{list}END\nexit 1\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }
}
