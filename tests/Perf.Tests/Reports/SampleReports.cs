using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Histories;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Reports;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Tests.Reports;

/// <summary>Made-up figures, always the same ones. Nothing here was measured.</summary>
internal static class SampleReports
{
    public static readonly DateTimeOffset Start = new(2026, 3, 1, 2, 0, 0, TimeSpan.Zero);
    private static readonly int[] Sizes = [64, 4096, 65_536, 262_144];
    private static readonly double[] Percentiles = [50, 75, 90, 95, 99, 99.5, 99.9, 99.99, 100];

    public static readonly IReadOnlyDictionary<string, string> Machine = new Dictionary<string, string> { ["cpu"] = "made-up processor", ["cores"] = "2", ["kernel"] = "6.12.0", ["dotnet"] = ".NET 10.0.0" };

    public static Conditions Fit { get; } = new(
    [
        new Condition("governor", ConditionGrade.Good, "performance", null),
        new Condition("load", ConditionGrade.Doubtful, "0.4 before the run", "end other programs"),
        new Condition("steal", ConditionGrade.Unknown, "the kernel does not tell", null),
    ]);

    public static Conditions Unfit { get; } = new([new Condition("load", ConditionGrade.Unfit, "3.1 before the run", "end other programs, and measure again")]);

    /// <summary>A run with everything: two directions, both at once, flows, windows, latencies under load, goals met and missed, counters.</summary>
    public static PerfReport Run() => new(
        PerfReport.CurrentSchema, new MeasuredTarget("reference", "1.2.3", new string('a', 64)), new MeasuredPlan("nightly", new string('b', 64), 45), Start, 312.4, Machine, Fit,
        [
            new MachineLimit("memcpy", "MiB/s", Better.Higher, [10_400, 10_600, 10_500]),
            new MachineLimit("eventfd-round-trip", "µs", Better.Lower, [4.1, 4.3, 4.2]),
            new MachineLimit("socketpair/65536", "MiB/s", Better.Higher, [3350, 3400, 3380]),
        ],
        [
            .. from direction in (string[])["guest-to-host", "host-to-guest", "both-ways"]
               from size in Sizes
               select Throughput(direction, size),
            .. from flows in (int[])[8, 64]
               from size in Sizes
               select Throughput("guest-to-host", size, $"-flows{flows}", 1 - (flows * 0.002)),
            .. from window in (int[])[65_536, 262_144, 2_097_152]
               from size in Sizes
               select Throughput("host-to-guest", size, $"-window{window}", 0.7 + (Math.Log2(window) * 0.015)),
            .. from size in Sizes select Throughput("guest-to-host", size, "-no-event-idx", 0.55),
            Latency("round-trip", "stream/round-trip/64", null, 72_000, 12.4, new Yardstick("relay", [10.6, 10.5, 10.8], 0.8)),
            Latency("round-trip-beside-bulk", "stream/round-trip-beside-bulk/64", null, 9_000, 88, null),
            .. from load in (int[])[20, 50, 80] select Latency("open-loop", $"stream/open-loop/64/load-{load}", 4000 * load, 3990 * load, 13 + (load * load / 220.0), null),
            new WorkloadResult("connect", new Dictionary<string, string>(), WorkloadOutcome.Measured, null, [Of("stream/connect/rate", "", "1/s", Better.Higher, FigureRole.Gate, [8100, 8200, 8300], new Yardstick("unix-connect", [24_000, 24_100, 24_300], 0.3))], []),
            new WorkloadResult("fairness", new Dictionary<string, string> { ["flows"] = "64" }, WorkloadOutcome.Measured, null, [Of("stream/fairness/jain", "flows64", "", Better.Higher, FigureRole.Gate, [0.97, 0.98, 0.99], null)], []),
            new WorkloadResult("idle", new Dictionary<string, string>(), WorkloadOutcome.Measured, null, [Of("idle/cpu", "no-buffers", "ms/s", Better.Lower, FigureRole.Gate, [0, 0, 0], null)], []),
            new WorkloadResult("throughput", new Dictionary<string, string> { ["socket"] = "seqpacket" }, WorkloadOutcome.NotSupported, "the target does not offer SEQPACKET", [], []),
        ]);

    /// <summary>The same, with a workload that the target failed and one that the machine disturbed.</summary>
    public static PerfReport FailedRun()
    {
        PerfReport run = Run();
        return run with
        {
            Plan = run.Plan with { Workloads = 47 },
            Workloads =
            [
                .. run.Workloads,
                new WorkloadResult(
                    "throughput", new Dictionary<string, string> { ["direction"] = "host-to-guest", ["size"] = "64", ["flows"] = "64" }, WorkloadOutcome.Failed, "no byte came for 10 s after 41 MiB of 128.",
                    [Of("stream/host-to-guest/throughput", "64-flows64", "MiB/s", Better.Higher, FigureRole.Gate, [31], null)], []),
                new WorkloadResult("memory", new Dictionary<string, string>(), WorkloadOutcome.Disturbed, "the clock jumped by 2 s", [], []),
            ],
        };
    }

    public static CompareReport Comparison(double factor = 1.1)
    {
        Figure[] figures =
        [
            .. from family in (string[])["stream/guest-to-host/throughput", "stream/host-to-guest/throughput"]
               from size in Sizes
               select new Figure(family, $"{size}", "MiB/s", Better.Higher, FigureRole.Gate),
            new("stream/round-trip/p50", "64", "µs", Better.Lower, FigureRole.Gate),
            new("stream/round-trip/p99", "64", "µs", Better.Lower, FigureRole.Shown),
            .. from size in Sizes select new Figure("stream/guest-to-host/packets", $"{size}", "per MiB", Better.Lower, FigureRole.Counter),
            .. from size in Sizes select new Figure("stream/guest-to-host/kicks", $"{size}", "per MiB", Better.Lower, FigureRole.Counter),
        ];
        List<IReadOnlyDictionary<Figure, double>> a = [];
        List<IReadOnlyDictionary<Figure, double>> b = [];
        for (int run = 0; run < 10; run++)
        {
            a.Add(figures.ToDictionary(f => f, f => Value(f, run, 1)));
            b.Add(figures.ToDictionary(f => f, f => Value(f, run + 3, f.Family.StartsWith("stream/host", StringComparison.Ordinal) ? factor : 1.004)));
        }

        return new CompareReport(
            CompareReport.CurrentSchema, new ComparedTarget("old", new string('c', 64)), new ComparedTarget("new", new string('d', 64)), "smoke", Start, Machine, new CompareOptions(), 10, new Judgement(0.03, 0.01).Of(a, b));

        static double Value(Figure figure, int run, double slower) => figure.Role switch
        {
            FigureRole.Counter when figure.Family.EndsWith("packets", StringComparison.Ordinal) => 16 * (slower > 1.05 ? 2 : 1),
            FigureRole.Counter => 3 + (run % 5 * 0.1),
            _ when figure.Better == Better.Higher => (900 + (run % 7 * (figure.Parameter == "4096" ? 60 : 2.5))) / slower,
            _ => (12 + (run % 7 * 0.04)) * slower,
        };
    }

    /// <param name="nights">A step for the worse comes at three fifths of them in one series, one for the better at half of them in another.</param>
    public static HistoryView History(int nights = 90, int quiet = 4)
    {
        Trend trend = new(new ChangePointDetector());
        JudgedHistory Judged(string name, Better better, Func<int, double> level, TriageEntry? said = null)
        {
            History history = new(name, [.. Enumerable.Range(0, nights).Select(i => Entry(i, level(i) * (1 + (0.01 * Math.Sin((i * 12.9898) + name.Length)))))], []);
            return new JudgedHistory(history, better, [.. trend.Steps(history, better).Select(s => new JudgedStep(s, said))]);
        }

        return new HistoryView(
        [
            Judged("stream/guest-to-host/throughput/65536", Better.Higher, i => i < nights * 3 / 5 ? 3100 : 2790),
            Judged("stream/host-to-guest/throughput/65536", Better.Higher, i => i < nights / 2 ? 1800 : 2010),
            Judged("stream/round-trip/p50/64", Better.Lower, i => i < nights / 3 ? 12 : 13.1, new TriageEntry("stream/round-trip/p50/64", "r", TriageState.Explained, "somebody", "checks every header twice, wanted")),
            .. Enumerable.Range(0, quiet).Select(n => Judged($"stream/guest-to-host/kicks/{64 << n}", Better.Lower, _ => 3 + n)),
        ]) { Alarms = new AlarmNights(Alarm(), new Rate(2, 89)) };
    }

    /// <summary>A night whose comparison with itself accused it.</summary>
    public static AlarmRateReport Alarm() => new(
        AlarmRateReport.CurrentSchema,
        new ComparedTarget("reference", null),
        "smoke",
        Start,
        Machine,
        Fit,
        new CompareOptions(10, 10),
        PerfVerdict.Slower,
        ["stream/guest-to-host/throughput/4096"],
        new AlarmRates(10, new Rate(12, 1000), new Rate(3, 1000), new Rate(410, 1000), [new FigureNoise("stream/guest-to-host/throughput/4096", 0.021, new Rate(12, 1000))]),
        new Rate(2, 89));

    /// <summary>A run with that many figures.</summary>
    public static PerfReport Many(int figures) => Run() with
    {
        Plan = Run().Plan with { Workloads = figures / 4 },
        Workloads =
        [
            .. Enumerable.Range(0, figures / 4).Select(n => new WorkloadResult(
                "throughput", new Dictionary<string, string> { ["direction"] = "guest-to-host" }, WorkloadOutcome.Measured, null,
                [
                    Of($"stream/guest-to-host-{n / 12}/throughput", $"{64 << (n % 12)}", "MiB/s", Better.Higher, FigureRole.Gate, [1234.5678 + n, 1250.1234 + n, 1260.4321 + n, 1222.9876 + n, 1239.1111 + n], new Yardstick("socketpair", [1300.1 + n, 1301.2 + n, 1302.3 + n, 1303.4 + n, 1304.5 + n], 0.9)),
                    .. ((string[])["packets", "kicks", "calls"]).Select(c => Of($"stream/guest-to-host-{n / 12}/{c}", $"{64 << (n % 12)}", "per MiB", Better.Lower, FigureRole.Counter, [16.123 + n, 16.456 + n, 16.789 + n, 16.321 + n, 16.654 + n], null)),
                ],
                [])),
        ],
    };

    private static HistoryEntry Entry(int night, double value) => new(
        HistoryEntry.CurrentSchema, $"202603{night:0000}", Start.AddDays(night), $"c0ffee{night:000000}", night < 8 ? "machine one" : "machine two", value);

    private static WorkloadResult Throughput(string direction, int size, string variant = "", double factor = 1)
    {
        double limit = size switch { 64 => 28, 4096 => 900, 65_536 => 3380, _ => 3600 };
        double rate = limit * factor * (direction, size) switch { ("guest-to-host", 64) => 2.9, ("guest-to-host", 4096) => 2.1, ("guest-to-host", _) => 0.93, ("both-ways", 64) => 1.6, ("both-ways", _) => 0.75, (_, 64) => 0.8, _ => 0.6 };
        double goal = (direction, size) switch { ("guest-to-host", 64) => 2, ("guest-to-host", 65_536) => 0.9, ("host-to-guest", 64) => 1, ("host-to-guest", 65_536) => 0.9, _ => 0 };
        Yardstick? beside = variant.Length == 0 ? new Yardstick("socketpair", [limit * 0.97, limit, limit * 1.02, limit * 0.99, limit * 1.01], goal > 0 ? goal : null) : null;
        return new WorkloadResult(
            "throughput",
            new Dictionary<string, string> { ["direction"] = direction, ["size"] = $"{size}" },
            WorkloadOutcome.Measured,
            null,
            [
                Of($"stream/{direction}/throughput", $"{size}{variant}", "MiB/s", Better.Higher, FigureRole.Gate, [rate * 0.9, rate, rate * 1.05, rate * 0.98, rate * 1.01], beside),
                .. ((string[])["packets", "kicks", "calls", "credit-updates", "system-calls"]).Select((counter, i) =>
                    Of($"stream/{direction}/{counter}", $"{size}{variant}", "per MiB", Better.Lower, FigureRole.Counter, [Math.Max(16, 1_048_576.0 / size / (i + 1)), Math.Max(16, 1_048_576.0 / size / (i + 1))], null)),
            ],
            [],
            size == 64 && direction == "host-to-guest" ? Bound.Generator : Bound.Target);
    }

    private static WorkloadResult Latency(string workload, string name, double? offered, double achieved, double middle, Yardstick? beside) => new(
        workload,
        new Dictionary<string, string> { ["size"] = "64" },
        WorkloadOutcome.Measured,
        null,
        offered is null ? [Of($"stream/{workload}/p50", "64", "µs", Better.Lower, FigureRole.Gate, [middle * 0.98, middle, middle * 1.03], beside)] : [],
        [new LatencyCurve(name, offered, achieved, 250_000, [.. Percentiles.Select((p, i) => new LatencyPoint(p, middle * Math.Pow(1.45, i)))], $"{name.Replace('/', '-')}.hgrm")]);

    private static Measurement Of(string family, string parameter, string unit, Better better, FigureRole role, double[] values, Yardstick? beside) => new(new Figure(family, parameter, unit, better, role), values, beside);
}
