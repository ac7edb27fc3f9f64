using Vsockspec.Perf.Workloads;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Plans;

/// <summary>The settings of a workload as a plan lists them: every combination.</summary>
public static class SettingList
{
    private const int SmallestWindow = 64 * 1024;
    private const int LargestWindow = 64 << 20;
    private const int MostFlows = 1000;
    private const int SmallestQueue = 16;
    private const int LargestQueue = 4096;

    /// <summary>Fields that <see cref="Read"/> reads.</summary>
    public static readonly IReadOnlyList<string> Fields = ["socket", "flows", "windows", "queues", "event-idx"];

    private static readonly Dictionary<string, SocketType> Sockets = new() { ["stream"] = SocketType.Stream, ["seqpacket"] = SocketType.Seqpacket };
    private static readonly Dictionary<string, bool> EventIdx = new() { ["true"] = true, ["false"] = false, ["on"] = true, ["off"] = false };

    /// <exception cref="DataFileException">A value is impossible.</exception>
    public static IReadOnlyList<Setting> Read(YamlMap map)
    {
        Setting usual = new();
        string socket = map.OptionalText("socket") ?? usual.SocketName;
        if (!Sockets.TryGetValue(socket, out SocketType type))
        {
            throw map.Error("socket", $"is '{socket}'; write stream or seqpacket");
        }

        return
        [
            .. from flows in PlanList.Numbers(map, "flows", 1, MostFlows, "connections", usual.Flows)
               from window in PlanList.Numbers(map, "windows", SmallestWindow, LargestWindow, "bytes of a window", (int)usual.Window)
               from queue in PlanList.PowersOfTwo(map, "queues", SmallestQueue, LargestQueue, "entries of a queue", usual.Queue)
               from eventIdx in PlanList.Words(map, "event-idx", EventIdx, usual.EventIdx)
               select new Setting(type, flows, (uint)window, (ushort)queue, eventIdx),
        ];
    }
}
