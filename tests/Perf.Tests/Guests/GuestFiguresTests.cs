using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Guests;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf.Tests.Guests;

/// <summary>Histories are joined by these names.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class GuestFiguresTests
{
    private readonly GuestFigures figures = new("uml");

    [Test]
    public void Names_OfFigures_ArePermanent() => Assert.That(
        new[]
        {
            figures.Throughput(Direction.GuestToHost, 4096), figures.Said(Direction.HostToGuest, 65_536), figures.RoundTrip("p50", 64, FigureRole.Gate), figures.ConnectRate,
            figures.Connect("p99", FigureRole.Shown),
        }.Select(f => f.Name),
        Is.EqualTo(new[]
        {
            "guest/stream/guest-to-host/throughput/4096-uml", "guest/stream/host-to-guest/vsock-perf-says/65536-uml", "guest/stream/round-trip/p50/64-uml",
            "guest/stream/connect/rate/uml", "guest/stream/connect/p99/uml",
        }));

    [TestCase("uml", "uml")]
    [TestCase("debian:6.12", "debian-6.12")]
    [TestCase("/boot/vmlinuz-6.12 x", "vmlinuz-6.12-x")]
    public void Slug_OfAKernelsName_IsFitForAName(string name, string slug) => Assert.That(GuestFigures.Slug(name), Is.EqualTo(slug));
}
