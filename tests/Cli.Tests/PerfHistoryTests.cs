using NUnit.Framework;
using Vsockspec.Perf;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Cli.Tests;

/// <summary>Nights of measurements, from the files that 'perf run' writes to the exit code.</summary>
[TestFixture]
public sealed class PerfHistoryTests
{
    [Test]
    public void History_WithAStep_NamesTheCommitsAndFails()
    {
        using Terminal terminal = new();
        for (int night = 0; night < 40; night++)
        {
            Assert.That(terminal.Run("perf", "history", "append", terminal.PathOf("history"), Night(terminal, night, night < 30 ? 900 : 800), "--commit", $"c{night}"), Is.Zero, terminal.Error);
        }

        Assert.That(terminal.Run("perf", "history", "show", terminal.PathOf("history")), Is.EqualTo(1), terminal.Error);
        Assert.That(terminal.Out, Does.Contain("stream/guest-to-host/throughput/4096: 40 runs, 1 step\n").And.Match(@"c29\.\.c30  900\.\d+ -> 799\.\d+ \(-11\.1 %\)  worse, confirmed"));

        string run = "20260131T000000Z";
        File.WriteAllText(terminal.PathOf("history/triage.yaml"), $"steps:\n  - {{series: stream/guest-to-host/throughput/4096, run: {run}, state: explained, by: me, note: smaller buffers}}\n");
        Assert.That(terminal.Run("perf", "history", "show", terminal.PathOf("history")), Is.Zero, terminal.Out);
        Assert.That(terminal.Out, Does.Contain("; Explained by me: smaller buffers"));
    }

    [Test]
    public void Append_OfTheSameNight_LeavesItAlone()
    {
        using Terminal terminal = new();
        string report = Night(terminal, 0, 900);
        Assert.That(terminal.Run("perf", "history", "append", terminal.PathOf("history"), report), Is.Zero, terminal.Error);
        Assert.That(terminal.Run("perf", "history", "append", terminal.PathOf("history"), report), Is.Zero, terminal.Error);
        Assert.That(terminal.Out, Does.Contain("is there already"));
    }

    [TestCase("{\"schema\":\"vsockspec-perf/1\",\"throughput\":[]}", "has the schema 'vsockspec-perf/1'; this version reads vsockspec-perf/2, measure again")]
    [TestCase("{}", "is no report of 'vsockspec perf run': it has no field 'schema'")]
    [TestCase("{\"schema\":\"vsockspec-perf/2\"}", "is no report of 'vsockspec perf run': 'target' is missing or not whole")]
    [TestCase("null", "is no report of 'vsockspec perf run'")]
    [TestCase("half", "is no report of 'vsockspec perf run'")]
    public void Append_OfWhatIsNoReport_NamesTheFile(string content, string expected)
    {
        using Terminal terminal = new();
        File.WriteAllText(terminal.PathOf("perf.json"), content);
        Assert.That(terminal.Run("perf", "history", "append", terminal.PathOf("history"), terminal.PathOf("perf.json")), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain(terminal.PathOf("perf.json")).And.Contain(expected));
    }

    [Test]
    public void Show_OfNoFolder_SaysHowOneIsMade()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("perf", "history", "show", terminal.PathOf("nowhere")), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain("no such folder; 'vsockspec perf history append' makes it"));
    }

    private static string Night(Terminal terminal, int night, double mebibytes)
    {
        // Half a percent of noise, always the same.
        double value = mebibytes * (1 + (0.005 * Math.Sin(night * 2.4)));
        Figure rate = new("stream/guest-to-host/throughput", "4096", "MiB/s", Better.Higher, FigureRole.Gate);
        Figure kicks = new("stream/guest-to-host/kicks", "4096", "per MiB", Better.Lower, FigureRole.Counter);
        PerfReport report = new(
            PerfReport.CurrentSchema,
            new MeasuredTarget("reference", null, null),
            new MeasuredPlan("smoke", "", 1),
            new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddDays(night),
            20,
            new Dictionary<string, string> { ["kernel"] = "k", ["cpu"] = "c" },
            new Conditions([]),
            [],
            [new WorkloadResult("throughput", new Dictionary<string, string>(), WorkloadOutcome.Measured, null, [new Measurement(rate, [value], new Yardstick("socketpair", [value])), new Measurement(kicks, [0])], [])]);
        string folder = terminal.PathOf($"night{night}");
        Directory.CreateDirectory(folder);
        PerfJson.Write(report, folder);
        return folder;
    }
}
