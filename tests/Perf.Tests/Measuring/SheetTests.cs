using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf.Tests.Measuring;

[TestFixture]
public sealed class SheetTests
{
    private static readonly Figure Rate = new("stream/guest-to-host/throughput", "64", "MiB/s", Better.Higher, FigureRole.Gate);
    private static readonly Figure Cost = new("stream/guest-to-host/kicks", "64", "per MiB", Better.Lower, FigureRole.Counter);

    [Test]
    public void Measurements_OfRepeats_HaveTheirValuesInOrder()
    {
        Sheet sheet = new();
        sheet.AddBeside(Rate, "socketpair", 0.9, 200);
        sheet.Add(Rate, 100);
        sheet.Add(Cost, 1);
        sheet.Add(Rate, 110);
        sheet.Add(Cost, 2);
        sheet.AddBeside(Rate, "socketpair", 0.9, 220);
        Assert.That(sheet.Measurements.Select(m => m.Figure), Is.EqualTo((Figure[])[Rate, Cost]));
        Assert.That(sheet.Measurements[0].Values, Is.EqualTo((double[])[100, 110]));
        Assert.That(sheet.Measurements[0].Beside!.Ratio(sheet.Measurements[0]), Is.EqualTo(new Summary(0.5, 0.5, 0.5)));
        Assert.That(sheet.Measurements[1].Beside, Is.Null);
        Assert.That(sheet.Medians[Rate], Is.EqualTo(105));
    }

    [Test]
    public void Limit_OfARepeatThatFailed_IsLeftOut()
    {
        Sheet sheet = new();
        sheet.Add(Rate, 100);
        sheet.AddBeside(Rate, "socketpair", null, 200);
        sheet.AddBeside(Rate, "socketpair", null, 300);
        Assert.That(sheet.Measurements[0].Beside!.Values, Is.EqualTo((double[])[200]));
    }

    [Test]
    public void Limit_ThatIsShortOfAValue_IsNone()
    {
        Sheet sheet = new();
        sheet.Add(Rate, 100);
        sheet.Add(Rate, 100);
        sheet.AddBeside(Rate, "socketpair", null, 200);
        Assert.That(sheet.Measurements[0].Beside, Is.Null);
    }

    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    public void Value_ThatIsNoNumber_IsRefused(double value) => Assert.That(() => new Sheet().Add(Rate, value), Throws.ArgumentException);

    [TestCase(100, 130, ExpectedResult = Bound.Target)]
    [TestCase(100, 125, ExpectedResult = Bound.Target)]
    [TestCase(100, 120, ExpectedResult = Bound.Generator)]
    [TestCase(100, 90, ExpectedResult = Bound.Unknown)]
    public Bound Bound_OfARate_IsTheGeneratorsWithoutHeadroom(double value, double alone)
    {
        WorkloadResult result = new("throughput", new Dictionary<string, string>(), WorkloadOutcome.Measured, null, [new Measurement(Rate, [value])], []);
        return BoundVerdict.Judge(result, [new MachineLimit(BoundVerdict.NameOfGenerator(Direction.GuestToHost, 64), "MiB/s", Better.Higher, [alone])]).BoundBy;
    }

    [Test]
    public void Bound_WithoutTheGeneratorAlone_IsUnknown()
    {
        WorkloadResult result = new("throughput", new Dictionary<string, string>(), WorkloadOutcome.Measured, null, [new Measurement(Rate, [1])], []);
        Assert.That(BoundVerdict.Judge(result, [new MachineLimit("memcpy", "MiB/s", Better.Higher, [1])]).BoundBy, Is.EqualTo(Bound.Unknown));
    }

    [Test]
    public void Bound_OfATime_CountsTheOtherWay()
    {
        Figure time = new("stream/round-trip/p50", "64", "µs", Better.Lower, FigureRole.Gate);
        Assert.That(BoundVerdict.Of(time, 100, 70), Is.EqualTo(Bound.Target));
        Assert.That(BoundVerdict.Of(time, 100, 90), Is.EqualTo(Bound.Generator));
    }
}
