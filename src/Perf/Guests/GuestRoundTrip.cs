using System.Globalization;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Peers;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Workloads;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Guests;

/// <summary>Closed-loop round trips of an application in a guest to a host application that echoes; each is timed in the guest.</summary>
internal sealed class GuestRoundTrip(int size) : IWorkload
{
    private const ulong Seed = 314;
    private const int FewTimes = 200;
    private const int MostTimes = 1_000_000;

    public string Kind => "guest-round-trip";

    public string Name => string.Create(CultureInfo.InvariantCulture, $"guest/stream/round-trip/p50/{size}");

    public IReadOnlyDictionary<string, string> Dimensions => new Dictionary<string, string>
    {
        ["socket"] = "stream",
        ["size"] = size.ToString(CultureInfo.InvariantCulture),
    };

    public bool IsFromGuest => true;

    public VirtioFeatures Needs => 0;

    public Limit? Limit => null;

    public static IEnumerable<IWorkload> Read(YamlMap map)
    {
        map.AllowOnly("workload", "sizes");
        return PlanList.PowersOfTwo(map, "sizes", 16, AgentProtocol.RepeatPeriod, "bytes of a message").Select(size => new GuestRoundTrip(size));
    }

    public long Prepare(Bench bench)
    {
        GuestRoundTrips trips = Measure(bench, FewTimes);
        return (long)Math.Clamp(FewTimes * bench.Seconds / trips.Time.TotalSeconds, FewTimes, MostTimes);
    }

    public void WarmUp(Bench bench, long volume) => _ = Measure(bench, FewTimes);

    public void Run(Bench bench, long volume, Sheet sheet)
    {
        GuestRoundTrips trips = Measure(bench, (int)volume);
        GuestFigures figures = new(bench.Guest.Name);
        GuestLatencyRecord.Add(sheet, figures.RoundTripCurve(size), trips.Latencies, trips.Time, (what, role) => figures.RoundTrip(what, size, role));
    }

    private GuestRoundTrips Measure(Bench bench, int times) => bench.Guest.Carry(bench, exchange =>
    {
        (int fd, HostConnection host) = exchange.FromGuest();
        Task<GuestRoundTrips> call = exchange.Agent.RoundTrips(fd, Seed, size, times, exchange.Limit);
        HostStream stream = exchange.Stream(host, call);
        byte[] buffer = new byte[size];
        for (int n; (n = stream.Receive(buffer, endsWithCall: true)) > 0;)
        {
            if (!stream.Send(buffer.AsSpan(0, n)))
            {
                break;
            }
        }

        GuestRoundTrips trips = GuestExchange.Done(call);
        return trips.FirstDifference < 0 && trips.Result == new GuestResult(times, 0) && trips.Time > TimeSpan.Zero
            ? trips
            : throw new PerfException(
                trips.FirstDifference >= 0
                    ? $"round trip {trips.FirstDifference} brought other bytes back"
                    : $"round trip {trips.Result.Value} of {times} did not come back: {new GuestResult(-1, trips.Result.Errno)}");
    });
}
