using System.Text.Json;
using NUnit.Framework;
using Vsockspec.Perf;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Cli.Tests;

/// <summary>What the commands make of a machine that is not fit to measure on, and of one that is.</summary>
[TestFixture]
[CancelAfter(120_000)]
public sealed class PerfConditionTests
{
    private const string Plan = """
        name: tiny
        description: "A moment."
        repeats: 1
        seconds-per-transfer: 0.01
        workloads:
          - {workload: throughput, directions: [guest-to-host], sizes: [65536]}
        """;

    /// <summary>Its speed halves and doubles.</summary>
    private static readonly QuietMachine Restless = new() { Speeds = [1e10, 5e9] };

    [Test]
    public void Compare_OnAnUnfitMachine_IsInconclusiveAtOnceWithTheReason()
    {
        using Terminal terminal = new() { Machine = Restless };

        // A target that cannot be started: nobody tries.
        string broken = terminal.Write("broken.yaml", "name: broken\nrole: device\ntransport: vhost-user\nlaunch: {command: [/bin/false, \"{socket}\"]}\n");
        Assert.That(terminal.Run("perf", "compare", "--a", broken, "--b", broken, "--out", terminal.PathOf("out")), Is.EqualTo(3), terminal.Error);
        Assert.That(terminal.Out, Does.Contain("the machine is unfit: calibration: 5 times the same work").And.Contain("**The machine was unfit, so that nothing is decided**"));
        using JsonDocument report = JsonDocument.Parse(File.ReadAllText(terminal.PathOf("out/compare.json")));
        Assert.That(report.RootElement.GetProperty("verdict").GetString(), Is.EqualTo("Inconclusive"));
        Assert.That(report.RootElement.GetProperty("conditions").GetProperty("areFit").GetBoolean(), Is.False);
    }

    [Test]
    public void Run_OnlyIfFit_MeasuresNothingOnAnUnfitMachine_AndTheHistoryTakesNothing()
    {
        using Terminal terminal = new() { Machine = Restless };
        string plan = terminal.Write("plan.yaml", Plan);
        Assert.That(terminal.Run("perf", "run", "--plan", plan, "--only-if-fit", "--out", terminal.PathOf("out")), Is.EqualTo(3), terminal.Error);
        PerfReport report = PerfJson.Read(terminal.PathOf("out"));
        Assert.That((report.Workloads.Count, report.IsComplete, report.Conditions.AreFit), Is.EqualTo((0, false, false)));
        Assert.That(terminal.Run("perf", "history", "append", terminal.PathOf("history"), terminal.PathOf("out")), Is.EqualTo(3));
        Assert.That(terminal.Error, Does.Contain("nothing is added, the machine was unfit: calibration: "));
        Assert.That(Directory.Exists(terminal.PathOf("history")), Is.False);
    }

    [Test]
    public void Run_OnAFitMachine_SaysHowItWasAndIsKept()
    {
        using Terminal terminal = new();
        string plan = terminal.Write("plan.yaml", Plan);
        Assert.That(terminal.Run("perf", "run", "--plan", plan, "--only-if-fit", "--out", terminal.PathOf("out")), Is.Zero, terminal.Error);
        PerfReport report = PerfJson.Read(terminal.PathOf("out"));
        Assert.That(report.Conditions.Checks.Select(c => c.Name), Is.SupersetOf(new[] { "governor", "load", "steal", "memory-pressure", "heat", "clock", "calibration" }));
        Assert.That(report.Workloads.Single().Outcome, Is.EqualTo(WorkloadOutcome.Measured));
        Assert.That(terminal.Run("perf", "history", "append", terminal.PathOf("history"), terminal.PathOf("out")), Is.Zero, terminal.Error);
    }

    /// <summary>Four runs of the reference against itself; earlier nights count when they were fit.</summary>
    [Test]
    public void AlarmRate_OfTheReference_CountsItsNights()
    {
        using Terminal terminal = new();
        string plan = terminal.Write("plan.yaml", Plan);
        AlarmRateReport earlier = new(
            AlarmRateReport.CurrentSchema, new ComparedTarget("reference", null), "tiny", default, new Dictionary<string, string>(), new Conditions([]), new CompareOptions(), PerfVerdict.Slower, ["a/figure"], null, new Rate(0, 0));
        Night("fit-with-alarm", JsonSerializer.Serialize(earlier, PerfJson.Options));
        Night("fit", JsonSerializer.Serialize(earlier with { Accused = [] }, PerfJson.Options));
        Night("unfit", JsonSerializer.Serialize(earlier with { Conditions = new Conditions([new Condition("load", ConditionGrade.Unfit, "much", null)]) }, PerfJson.Options));
        Night("rubbish", "{\"schema\": 7");
        Night(".unfinished", JsonSerializer.Serialize(earlier, PerfJson.Options));

        Assert.That(
            terminal.Run("perf", "alarm-rate", "--plan", plan, "--runs", "2", "--times", "20", "--nights", terminal.PathOf("nights"), "--out", terminal.PathOf("out")), Is.Zero, terminal.Error);
        AlarmRateReport report = JsonSerializer.Deserialize<AlarmRateReport>(File.ReadAllText(terminal.PathOf("out/alarm-rate.json")), PerfJson.Options)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((report.SoFar.Times, report.SoFar.Count), Is.EqualTo((3, report.Accused.Count > 0 ? 2 : 1)));
            Assert.That((report.Rates!.Relabelled.Times, report.Rates.Simulated.Times), Is.EqualTo((20, 20)));
            Assert.That(report.Rates.Figures.Select(f => f.Figure), Does.Contain("stream/guest-to-host/throughput/65536"));
            Assert.That(File.ReadAllText(terminal.PathOf("out/alarm-rate.md")), Does.StartWith("## False alarms: reference against itself").And.Contain("| nights so far | "));
        }

        void Night(string name, string json)
        {
            Directory.CreateDirectory(terminal.PathOf($"nights/{name}"));
            File.WriteAllText(terminal.PathOf($"nights/{name}/alarm-rate.json"), json);
        }
    }

    [TestCase("--runs", "1", "--runs 1: give a whole number from 2")]
    [TestCase("--times", "0", "--times 0: give 1 to 100000")]
    public void AlarmRate_OfWrongNumbers_SaysSo(string option, string value, string expected)
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("perf", "alarm-rate", option, value), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain(expected));
    }

    [Test]
    public void Rates_OfFewSeries_AreTables()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("perf", "history", "rates", "--series", "2"), Is.Zero, terminal.Error);
        Assert.That(terminal.Out, Does.StartWith("2 series for each cell, seed 1, 1 judged together").And.Contain("| 2 % | +5 % | "));
        Assert.That(terminal.Run("perf", "history", "rates", "--series", "0"), Is.EqualTo(2));
    }
}
