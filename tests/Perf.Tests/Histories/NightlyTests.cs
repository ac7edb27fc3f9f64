using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Histories;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Tests.Histories;

[TestFixture]
public sealed class NightlyTests
{
    private static readonly Dictionary<string, string> NoDimensions = [];

    [Test]
    public void Series_OfAReport_AreItsFiguresAndRatios()
    {
        PerfReport report = Report(
            new WorkloadResult(
                "throughput",
                NoDimensions,
                WorkloadOutcome.Measured,
                null,
                [
                    Measured("stream/guest-to-host/throughput", "4096", Better.Higher, [300, 100, 200], new Yardstick("socketpair", [200, 100, 100], 0.9)),
                    Measured("stream/guest-to-host/credit-updates", "4096", Better.Lower, [1.5, 1.5, 1.5]),
                    Measured("stream/guest-to-host/kicks", "4096", Better.Lower, [0, 0, 0]),
                ],
                []),
            new WorkloadResult(
                "round-trip", NoDimensions, WorkloadOutcome.Measured, null, [Measured("stream/round-trip/p50", "64", Better.Lower, [20], new Yardstick("eventfd", [5]))], []));
        Assert.That(Nightly.SeriesOf(report), Is.EqualTo(((string, double)[])[
            ("stream/guest-to-host/throughput/4096", 200),
            ("stream/guest-to-host/ratio-to-socketpair/4096", 1.5),
            ("stream/guest-to-host/credit-updates/4096", 1.5),
            ("stream/round-trip/p50/64", 20),
            ("stream/round-trip/ratio-to-eventfd/64", 4),
        ]));
    }

    [Test]
    public void Series_OfWhatFailed_AreLeftOut()
    {
        WorkloadResult failed = new("throughput", NoDimensions, WorkloadOutcome.Failed, "it ended", [Measured("stream/guest-to-host/throughput", "64", Better.Higher, [1])], []);
        Assert.That(Nightly.SeriesOf(Report(failed)), Is.Empty);
    }

    [TestCase("stream/guest-to-host/throughput/4096", ExpectedResult = Better.Higher)]
    [TestCase("seqpacket/both-ways/throughput/65536-flows8", ExpectedResult = Better.Higher)]
    [TestCase("stream/guest-to-host/ratio-to-socketpair/64", ExpectedResult = Better.Higher)]
    [TestCase("stream/fairness/jain/64-flows16", ExpectedResult = Better.Higher)]
    [TestCase("stream/connect/rate/one-by-one", ExpectedResult = Better.Higher)]
    [TestCase("stream/guest-to-host/cpu-target/64", ExpectedResult = Better.Lower)]
    [TestCase("stream/round-trip/p50/64", ExpectedResult = Better.Lower)]
    [TestCase("stream/round-trip/ratio-to-eventfd/64", ExpectedResult = Better.Lower)]
    [TestCase("idle/cpu/no-buffers", ExpectedResult = Better.Lower)]
    public Better BetterOf_AnySeries_IsKnownFromItsName(string series) => Nightly.BetterOf(series);

    private static Measurement Measured(string family, string parameter, Better better, double[] values, Yardstick? beside = null) =>
        new(new Figure(family, parameter, "x", better, FigureRole.Gate), values, beside);

    private static PerfReport Report(params WorkloadResult[] results) => new(
        PerfReport.CurrentSchema, new MeasuredTarget("t", null, null), new MeasuredPlan("p", "", results.Length), DateTimeOffset.UnixEpoch, 1, NoDimensions, new Conditions([]), [], results);
}
