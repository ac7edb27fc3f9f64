using NUnit.Framework;
using Vsockspec.Perf;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Cli.Tests;

/// <summary>From what <c>perf run</c> writes, and from a history, to a page.</summary>
[TestFixture]
public sealed class PerfReportTests
{
    [Test]
    public void Report_OfARunAndAHistory_WritesPageSummaryAndFigures()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("perf", "history", "append", terminal.PathOf("history"), Measured(terminal)), Is.Zero, terminal.Error);
        int exitCode = terminal.Run("perf", "report", Measured(terminal), "--history", terminal.PathOf("history"), "--out", terminal.PathOf("page"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(exitCode, Is.Zero, terminal.Error);
            Assert.That(terminal.Out, Does.EndWith(terminal.PathOf("page/report.html") + "\n"));
            Assert.That(Directory.GetFiles(terminal.PathOf("page")).Select(Path.GetFileName), Is.EquivalentTo(["report.html", "summary.md", "figures.csv", "history.csv", "data.json", "metrics.txt"]));
            Assert.That(File.ReadAllText(terminal.PathOf("page/summary.md")), Does.StartWith("# No new regression\n").And.Contain("Measured; its goal is met: reference carries").And.Contain("No lasting step"));
            Assert.That(File.ReadAllText(terminal.PathOf("page/report.html")), Does.Contain("id=\"history\"").And.Contain("id=\"throughput\""));
        }
    }

    [Test]
    public void Report_OfNothing_SaysWhatToGive()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("perf", "report"), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain("there is nothing to report; give what 'vsockspec perf run'"));
    }

    [Test]
    public void Report_OfAnotherBundle_NamesTheRemedy()
    {
        using Terminal terminal = new();
        File.WriteAllText(terminal.PathOf("results.json"), "{\"schema\":\"urn:vsockspec:results:1\"}");
        Assert.That(terminal.Run("perf", "report", terminal.PathOf("results.json"), "--out", terminal.PathOf("page")), Is.EqualTo(2));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(terminal.Error, Does.Contain("results.json: schema: is 'urn:vsockspec:results:1'").And.Contain("perf.json or compare.json"));
            Assert.That(Directory.Exists(terminal.PathOf("page")), Is.False, "nothing is written of what cannot be read");
        }
    }

    [Test]
    public void Report_OfAHistoryThatIsNotThere_SaysHowOneIsMade()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("perf", "report", "--history", terminal.PathOf("nowhere")), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain("no such folder; 'vsockspec perf history append' makes it"));
    }

    private static string Measured(Terminal terminal)
    {
        Figure rate = new("stream/guest-to-host/throughput", "4096", "MiB/s", Better.Higher, FigureRole.Gate);
        PerfReport report = new(
            PerfReport.CurrentSchema, new MeasuredTarget("reference", null, null), new MeasuredPlan("smoke", "", 1), new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), 20, new Dictionary<string, string>(), new Conditions([]), [],
            [new WorkloadResult("throughput", new Dictionary<string, string>(), WorkloadOutcome.Measured, null, [new Measurement(rate, [900], new Yardstick("socketpair", [800], 0.9))], [])]);
        string folder = terminal.PathOf("run");
        Directory.CreateDirectory(folder);
        PerfJson.Write(report, folder);
        return folder;
    }
}
