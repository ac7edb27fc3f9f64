using System.Globalization;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Workloads;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Guests;

/// <summary>How fast an application in a guest sends or receives; in turn with it, where it is there, vsock_perf in the same guest.</summary>
public sealed class GuestThroughput(Direction direction, int size) : IWorkload
{
    /// <summary>As in a plan.</summary>
    public const string KindName = "guest-throughput";

    /// <summary>The name of the yardstick.</summary>
    public const string CrossCheck = "vsock_perf";

    private const double Mebibyte = 1 << 20;
    private const long LeastBytes = 1 << 20;
    private const long MostBytes = 1L << 36;
    private static readonly Dictionary<string, Direction> OneWay = Directions.ByName.Where(d => d.Value != Direction.BothWays).ToDictionary(d => d.Key, d => d.Value);
    private readonly GuestTransferPlan transfer = new(direction, size);

    public string Kind => KindName;

    public string Name => string.Create(CultureInfo.InvariantCulture, $"guest/stream/{Directions.NameOf(direction)}/throughput/{size}");

    public IReadOnlyDictionary<string, string> Dimensions => new Dictionary<string, string>
    {
        ["socket"] = "stream",
        ["direction"] = Directions.NameOf(direction),
        ["size"] = size.ToString(CultureInfo.InvariantCulture),
        ["window"] = GuestExchange.SocketBuffer.ToString(CultureInfo.InvariantCulture),
    };

    public bool IsFromGuest => true;

    public VirtioFeatures Needs => 0;

    /// <summary>Null: vsock_perf needs the same guest, so <see cref="Run"/> takes turns with it itself.</summary>
    public Limit? Limit => null;

    public static IEnumerable<IWorkload> Read(YamlMap map)
    {
        map.AllowOnly("workload", "directions", "sizes");
        IReadOnlyList<Direction> directions = PlanList.Words(map, "directions", OneWay, [Direction.GuestToHost, Direction.HostToGuest]);
        IReadOnlyList<int> sizes = PlanList.PowersOfTwo(map, "sizes", 16, GuestTransferPlan.LargestMessage, "bytes of a message");
        return from direction in directions from size in sizes select new GuestThroughput(direction, size);
    }

    public long Prepare(Bench bench)
    {
        const double Enough = 0.02;
        long bytes = LeastBytes;
        while (true)
        {
            double seconds = bytes / Mebibyte / bench.Guest.Carry(bench, exchange => transfer.Run(exchange, bytes));
            if (seconds >= Math.Min(Enough, bench.Seconds / 2) || bytes >= MostBytes)
            {
                return Math.Clamp((long)(bytes * bench.Seconds / seconds), LeastBytes, MostBytes) / LeastBytes * LeastBytes;
            }

            bytes *= 4;
        }
    }

    public void WarmUp(Bench bench, long volume) => _ = bench.Guest.Carry(bench, exchange => transfer.Run(exchange, Math.Min(volume, LeastBytes)));

    public void Run(Bench bench, long volume, Sheet sheet)
    {
        GuestFigures figures = new(bench.Guest.Name);
        Figure rate = figures.Throughput(direction, size);
        if (!bench.Guest.HasVsockPerf)
        {
            sheet.Add(rate, bench.Guest.Carry(bench, exchange => transfer.Run(exchange, volume)));
            return;
        }

        // Ours, theirs, theirs, ours: a guest that drifts drifts under both.
        int repeat = sheet.Measurements.FirstOrDefault(m => m.Figure == rate)?.Values.Count ?? 0;
        double ours = 0;
        (double Rate, double Said) theirs = default;
        foreach (bool isOurs in (bool[])(repeat % 2 == 0 ? [true, false] : [false, true]))
        {
            if (isOurs)
            {
                ours = bench.Guest.Carry(bench, exchange => transfer.Run(exchange, volume));
            }
            else
            {
                theirs = bench.Guest.Carry(bench, exchange => transfer.RunVsockPerf(exchange, volume));
            }
        }

        sheet.Add(rate, ours);
        sheet.AddBeside(rate, CrossCheck, null, theirs.Rate);
        sheet.Add(figures.Said(direction, size), theirs.Said);
    }
}
