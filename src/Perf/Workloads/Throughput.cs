using System.Globalization;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Counting;
using Vsockspec.Perf.Limits;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>How fast data goes one way, or both ways at once (then both together count), and what that costs.</summary>
internal sealed class Throughput : IWorkload
{
    public const string KindName = "throughput";
    private const int LargestMessage = 128 * 1024;
    private const double Mebibyte = 1 << 20;
    private readonly Setting setting;
    private readonly Direction direction;
    private readonly int size;
    private readonly Figure rate;

    public Throughput(Setting setting, Direction direction, int size)
    {
        this.setting = setting;
        this.direction = direction;
        this.size = size;
        rate = Figure("throughput", "MiB/s", Better.Higher, FigureRole.Gate);
    }

    public string Kind => KindName;

    public string Name => rate.Name;

    public IReadOnlyDictionary<string, string> Dimensions => new Dictionary<string, string>(setting.Dimensions)
    {
        ["direction"] = Directions.NameOf(direction),
        ["size"] = size.ToString(CultureInfo.InvariantCulture),
    };

    public VirtioFeatures Needs => setting.Needs;

    /// <summary>A bare Unix socketpair between two threads carries one way; for both ways at once there is none.</summary>
    public Limit? Limit => direction == Direction.BothWays ? null : new Limit("socketpair", rate, Goal(), bytes => bytes / Mebibyte / SocketPair.Transfer(bytes, size, setting.Socket));

    public static IEnumerable<IWorkload> Read(YamlMap map)
    {
        map.AllowOnly(["workload", "directions", "sizes", .. SettingList.Fields]);
        IReadOnlyList<Direction> directions = PlanList.Words(map, "directions", Directions.ByName, [Direction.GuestToHost, Direction.HostToGuest]);
        IReadOnlyList<int> sizes = PlanList.PowersOfTwo(map, "sizes", 16, Pattern.LongestPiece, "bytes of a message");
        IReadOnlyList<Setting> settings = SettingList.Read(map);
        foreach (Setting setting in settings.Where(s => s.Socket == SocketType.Seqpacket))
        {
            int largest = sizes.Max();
            if (largest > LargestMessage)
            {
                throw map.Error("sizes", $"has {largest}; a Unix seqpacket socket takes messages of at most {LargestMessage} bytes, leave larger ones to streams");
            }

            if (largest > setting.Window)
            {
                throw map.Error("sizes", $"has {largest}; a message that is larger than the window of {setting.Window} never arrives, take a larger one in 'windows'");
            }
        }

        // The window is the guest's. What goes to the host is bounded by the target's, and a driver that stops before it is owed no news of it.
        Throughput[] workloads = [.. from setting in settings from d in directions where d != Direction.GuestToHost || setting.Window == Setting.UsualWindow from size in sizes select new Throughput(setting, d, size)];
        return workloads.Length > 0 ? workloads : throw map.Error("windows", "are the guest's, for what it receives; take another of 'directions' than guest-to-host");
    }

    /// <summary>A send on AF_VSOCK that must not wait may take a part of a message and not say how much.</summary>
    public string? Refuses(Bench bench) => setting.Socket == SocketType.Seqpacket && direction != Direction.GuestToHost && bench.Target is IVhostKernelInstance
        ? "host applications on AF_VSOCK cannot send messages without waiting for each"
        : null;

    public long Prepare(Bench bench)
    {
        const long FirstBytes = 1 << 20;
        const double Enough = 0.02;
        long share = Transfer.Share(setting, size);
        long bytes = Math.Max(1, FirstBytes / share) * share;
        while (true)
        {
            double seconds = Transfer.Run(bench, setting, direction, bytes, size).Seconds;
            if (seconds >= Math.Min(Enough, bench.Seconds / 2))
            {
                return Math.Max(1, (long)(bytes * bench.Seconds / seconds / share)) * share;
            }

            bytes *= 4;
        }
    }

    public void WarmUp(Bench bench, long volume)
    {
        const long WarmUpBytes = 4 << 20;
        long share = Transfer.Share(setting, size);
        _ = Transfer.Run(bench, setting, direction, Math.Min(volume, Math.Max(1, WarmUpBytes / share) * share), size);
    }

    public void Run(Bench bench, long volume, Sheet sheet)
    {
        (double seconds, Costs costs) = Transfer.Run(bench, setting, direction, volume, size);
        double bytes = Bytes(volume);
        sheet.Add(rate, bytes / Mebibyte / seconds);
        PerMebibyte("packets", costs.Packets);
        PerMebibyte("descriptors", costs.Descriptors);
        PerMebibyte("kicks", costs.Kicks);
        PerMebibyte("calls", costs.Calls);
        PerMebibyte("credit-updates", costs.CreditUpdates);
        if (costs.TargetCpu is { } cpu)
        {
            sheet.Add(Figure("cpu-target", "ns/B", Better.Lower, FigureRole.Shown), cpu / bytes);
        }

        sheet.Add(Figure("cpu-generator", "ns/B", Better.Lower, FigureRole.Shown), costs.GeneratorCpu / bytes);
        sheet.Add(Figure("allocated", "B/packet", Better.Lower, FigureRole.Counter), costs.Allocated / (double)costs.Packets);

        void PerMebibyte(string what, long count) => sheet.Add(Figure(what, "per MiB", Better.Lower, FigureRole.Counter), count / (bytes / Mebibyte));
    }

    public void Count(Bench bench, long volume, Sheet sheet)
    {
        using SystemCalls? calls = SystemCalls.Begin(bench.Processes);
        if (calls is not null)
        {
            long before = calls.Count;
            _ = Transfer.Run(bench, setting, direction, volume, size);
            sheet.Add(Figure("system-calls", "per MiB", Better.Lower, FigureRole.Counter), (calls.Count - before) / (Bytes(volume) / Mebibyte));
        }
    }

    private double Bytes(long volume) => volume * (direction == Direction.BothWays ? 2.0 : 1.0);

    private Figure Figure(string what, string unit, Better better, FigureRole role) => new(
        $"{setting.SocketName}/{Directions.NameOf(direction)}/{what}", string.Create(CultureInfo.InvariantCulture, $"{size}{setting.Suffix}"), unit, better, role);

    /// <summary>Asked of one flow of a stream under the usual settings.</summary>
    private double? Goal() => setting == new Setting()
        ? (direction, size) switch
        {
            (_, 65_536) => 0.9,
            (Direction.GuestToHost, 64) => 2,
            (Direction.HostToGuest, 64) => 1,
            _ => null,
        }
        : null;
}
