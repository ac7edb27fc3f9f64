using NUnit.Framework;
using Vsockspec.Perf.Limits;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Tests.Limits;

/// <summary>What they are on this machine nobody knows; that each is measured can be said.</summary>
[TestFixture]
public sealed class MachineLimitsTests
{
    [Test]
    public void Limits_AreMeasured_AsOftenAsAsked()
    {
        IReadOnlyList<MachineLimit> limits = MachineLimits.Measure(rounds: 2, [65_536, 64], CancellationToken.None);
        Assert.That(limits.Select(l => l.Name), Is.EqualTo((string[])
        [
            "memcpy", "memcpy-two-threads", "eventfd-round-trip", "relay-round-trip", "socket-hop-polling", "unix-connect",
            "socketpair/64", "generator/guest-to-host/throughput/64", "generator/host-to-guest/throughput/64",
            "socketpair/65536", "generator/guest-to-host/throughput/65536", "generator/host-to-guest/throughput/65536",
        ]));
        Assert.That(limits.Select(l => l.Values), Is.All.Count.EqualTo(2));
        Assert.That(limits.SelectMany(l => l.Values).All(v => v > 0 && double.IsFinite(v)));
        foreach (MachineLimit limit in limits)
        {
            TestContext.Out.WriteLine($"{limit.Name}: {string.Join(", ", limit.Values.Select(v => $"{v:0.0}"))} {limit.Unit}");
        }
    }

    [Test]
    public void Limits_WhenTheRunIsCancelled_Stop() =>
        Assert.Throws<OperationCanceledException>(() => MachineLimits.Measure(1, [64], new CancellationToken(canceled: true)));
}
