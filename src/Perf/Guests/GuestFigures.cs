using System.Globalization;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Statistics;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf.Guests;

/// <summary>Permanent names of what is measured from a guest: <c>guest/stream/guest-to-host/throughput/4096-uml</c>.</summary>
/// <param name="guest">The kind of guest, <c>uml</c>: part of the names, for another kind is another series.</param>
public sealed class GuestFigures(string guest)
{
    /// <summary>Of a kernel's name, fit for a name of a figure: <c>debian:6.12</c> becomes <c>debian-6.12</c>, a path its last part.</summary>
    public static string Slug(string name) =>
        string.Concat(Path.GetFileName(name).Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' ? c : '-'));

    public Figure Throughput(Direction direction, int size) => Transfer(direction, "throughput", size, FigureRole.Gate);

    /// <summary>What vsock_perf says of itself, by its own formula.</summary>
    public Figure Said(Direction direction, int size) => Transfer(direction, "vsock-perf-says", size, FigureRole.Shown);

    /// <param name="what"><c>p50</c>.</param>
    public Figure RoundTrip(string what, int size, FigureRole role) =>
        new($"guest/stream/round-trip/{what}", string.Create(CultureInfo.InvariantCulture, $"{size}-{guest}"), "µs", Better.Lower, role);

    public Figure ConnectRate => new("guest/stream/connect/rate", guest, "per s", Better.Higher, FigureRole.Gate);

    /// <param name="what"><c>p50</c>.</param>
    public Figure Connect(string what, FigureRole role) => new($"guest/stream/connect/{what}", guest, "µs", Better.Lower, role);

    public string RoundTripCurve(int size) => string.Create(CultureInfo.InvariantCulture, $"guest/stream/round-trip/{size}-{guest}");

    public string ConnectCurve => $"guest/stream/connect/{guest}";

    private Figure Transfer(Direction direction, string what, int size, FigureRole role) => new(
        $"guest/stream/{Directions.NameOf(direction)}/{what}", string.Create(CultureInfo.InvariantCulture, $"{size}-{guest}"), "MiB/s", Better.Higher, role);
}
