using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Reports;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Cli.Tests;

/// <summary>What <c>perf compare</c> leaves when a target fails in the middle.</summary>
[TestFixture]
[CancelAfter(120_000)]
public sealed class PerfCompareTests
{
    [Test]
    public void Compare_WithATargetThatFailsInItsSecondRun_KeepsTheFirstAndFails()
    {
        using Terminal terminal = new();
        string plan = terminal.Write("plan.yaml", """
            name: tiny
            description: "A moment."
            repeats: 1
            seconds-per-transfer: 0.01
            workloads:
              - {workload: throughput, directions: [host-to-guest], sizes: [65536]}
            """);

        // Starts twice, for the run before those that count and for the first, and never again.
        string script = terminal.Write("twice.sh", $"""
            echo >> '{terminal.PathOf("starts")}'
            [ "$(wc -l < '{terminal.PathOf("starts")}')" -le 2 ] || exit 7
            exec "$@"
            """);
        string flaky = terminal.Write("flaky.yaml", $$"""
            name: flaky
            role: device
            transport: vhost-user
            launch:
              command: [/bin/sh, "{{script}}", "{dotnet}", exec, "{base}/Vsockspec.Reference.dll", --socket, "{socket}", --uds, "{uds}", --cid, "{cid}", --close-timeout-ms, "250"]
              readyTimeoutMs: 20000
            """);
        int exitCode = terminal.Run("perf", "compare", "--b", flaky, "--plan", plan, "--runs", "2", "--most-runs", "2", "--out", terminal.PathOf("out"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(exitCode, Is.EqualTo(1), terminal.Out + terminal.Error);
            Assert.That(terminal.Error, Does.StartWith("vsockspec: b (flaky) failed in run 2: "));
            Assert.That(Directory.GetFiles(terminal.PathOf("out")).Select(Path.GetFileName), Is.SupersetOf(["compare.json", "report.html", "summary.md"]));
        }

        CompareReport report = ReportFiles.Read([terminal.PathOf("out")], null).Comparisons.Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report.Verdict, Is.EqualTo(PerfVerdict.Failed));
            Assert.That(report.Runs.Single().A.Keys, Is.EquivalentTo(report.Runs.Single().B.Keys).And.Contain("stream/host-to-guest/throughput/65536"));
            Assert.That(File.ReadAllText(terminal.PathOf("out/summary.md")), Does.StartWith("# flaky against reference: Failed\n").And.Contain($"**{report.Failure!.Sentence}.**"));
        }
    }
}
