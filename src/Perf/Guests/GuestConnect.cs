using System.Diagnostics;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Workloads;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Guests;

/// <summary>How often a second an application in a guest connects to a host application and closes, one after the other; each connect is timed in the guest.</summary>
internal sealed class GuestConnect : IWorkload
{
    private const int FewTimes = 50;
    private const int MostTimes = 50_000;
    private const int GlanceMs = 20;

    public string Kind => "guest-connect";

    public string Name => "guest/stream/connect/rate";

    public IReadOnlyDictionary<string, string> Dimensions => new Dictionary<string, string> { ["socket"] = "stream" };

    public bool IsFromGuest => true;

    public VirtioFeatures Needs => 0;

    public Limit? Limit => null;

    public static IEnumerable<IWorkload> Read(YamlMap map)
    {
        map.AllowOnly("workload");
        return [new GuestConnect()];
    }

    public long Prepare(Bench bench)
    {
        GuestConnects connects = Measure(bench, FewTimes);
        return (long)Math.Clamp(FewTimes * bench.Seconds / connects.Time.TotalSeconds, FewTimes, MostTimes);
    }

    public void WarmUp(Bench bench, long volume) => _ = Measure(bench, FewTimes);

    public void Run(Bench bench, long volume, Sheet sheet)
    {
        GuestConnects connects = Measure(bench, (int)volume);
        GuestFigures figures = new(bench.Guest.Name);
        sheet.Add(figures.ConnectRate, volume / connects.Time.TotalSeconds);
        GuestLatencyRecord.Add(sheet, figures.ConnectCurve, connects.Latencies, connects.Time, figures.Connect);
    }

    private static GuestConnects Measure(Bench bench, int times) => bench.Guest.Carry(bench, exchange =>
    {
        uint port = GuestExchange.NewPort();
        using HostListener listener = exchange.Listen(port);
        Task<GuestConnects> call = exchange.Agent.Connects(new VsockAddress(GuestExchange.HostCid, port), times, exchange.Limit);
        Accept(exchange, listener, call);
        GuestConnects connects = GuestExchange.Done(call);
        return connects.Result == new GuestResult(times, 0) && connects.Time > TimeSpan.Zero
            ? connects
            : throw new PerfException($"connect {connects.Result.Value} of {times} failed: {new GuestResult(-1, connects.Result.Errno)}");
    });

    /// <summary>Accepts, and closes when the guest has closed, for as long as the guest connects.</summary>
    private static void Accept(GuestExchange exchange, HostListener listener, Task call)
    {
        List<HostConnection> open = [];
        Span<byte> nothing = new byte[16];
        Span<PollEntry> entry = [new PollEntry(listener.Fd, PollEvents.Readable)];
        long moved = Stopwatch.GetTimestamp();
        while (!call.IsCompleted)
        {
            if (Poll.Wait(entry, GlanceMs) > 0)
            {
                moved = Stopwatch.GetTimestamp();
                while (listener.TryAccept() is { } accepted)
                {
                    open.Add(accepted);
                }
            }
            else
            {
                exchange.Look();
            }

            for (int i = open.Count - 1; i >= 0; i--)
            {
                if (open[i].TryReceive(nothing, out _))
                {
                    throw new PerfException("data came over a connection on which none was sent");
                }

                if (open[i].End != HostEnd.Open)
                {
                    open[i].Dispose();
                    open.RemoveAt(i);
                }
            }

            if (Stopwatch.GetElapsedTime(moved) > exchange.Patience)
            {
                throw new PerfException($"no connection came for {exchange.Patience.TotalSeconds:0.#} s while the guest connected");
            }
        }
    }
}
