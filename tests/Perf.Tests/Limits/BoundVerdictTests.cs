using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf.Tests.Limits;

[TestFixture]
public sealed class BoundVerdictTests
{
    private static readonly MachineLimit[] Limits =
    [
        new(BoundVerdict.NameOfGenerator(Direction.GuestToHost, 64), "MiB/s", Better.Higher, [500]),
        new(BoundVerdict.NameOfGenerator(Direction.HostToGuest, 64), "MiB/s", Better.Higher, [100]),
    ];

    [TestCase("stream/guest-to-host/throughput", "64", 390, Bound.Target)]
    [TestCase("stream/guest-to-host/throughput", "64", 410, Bound.Generator)]
    [TestCase("stream/guest-to-host/throughput", "64-flows8-no-event-idx", 410, Bound.Generator)]
    [TestCase("seqpacket/host-to-guest/throughput", "64", 90, Bound.Generator)]
    [TestCase("stream/guest-to-host/throughput", "4096", 410, Bound.Unknown)]
    [TestCase("stream/both-ways/throughput", "64", 410, Bound.Unknown)]
    [TestCase("stream/round-trip/p50", "64", 410, Bound.Unknown)]
    public void Bound_IsTheGenerators_WhenItDoesLittleMoreAlone(string family, string parameter, double value, Bound expected)
    {
        Measurement measured = new(new Figure(family, parameter, "MiB/s", Better.Higher, FigureRole.Gate), [value]);
        WorkloadResult result = new("throughput", new Dictionary<string, string>(), WorkloadOutcome.Measured, null, [measured], []);
        Assert.That(BoundVerdict.Judge(result, Limits).BoundBy, Is.EqualTo(expected));
    }
}
