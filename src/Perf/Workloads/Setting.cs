using System.Globalization;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>How a session with the target is set up. What is not said is as most drivers have it.</summary>
/// <param name="Socket">Stream or seqpacket.</param>
/// <param name="Flows">Connections at a time.</param>
/// <param name="Window">Bytes: the guest's receive buffer in each flow (<c>buf_alloc</c>), and what the guest has under way at most, even where the target gives more.</param>
/// <param name="Queue">Entries of the rx and tx rings.</param>
/// <param name="EventIdx">Notifications by event index, where the target offers it.</param>
/// <param name="Polling">No notifications: both sides look at the rings.</param>
public sealed record Setting(SocketType Socket = SocketType.Stream, int Flows = 1, uint Window = Setting.UsualWindow, ushort Queue = Setting.UsualQueue, bool EventIdx = true, bool Polling = false)
{
    public const uint UsualWindow = 1 << 20;
    public const ushort UsualQueue = 256;

    /// <summary><c>stream</c>, <c>seqpacket</c>: the first word of every family.</summary>
    public string SocketName => Socket == SocketType.Seqpacket ? "seqpacket" : "stream";

    /// <summary>Features that the target must offer.</summary>
    public VirtioFeatures Needs => Socket == SocketType.Seqpacket ? VirtioFeatures.Seqpacket : 0;

    /// <summary>Features to accept where they are offered.</summary>
    public VirtioFeatures Wants => VirtioFeatures.Stream | Needs | (EventIdx ? VirtioFeatures.EventIdx : 0);

    /// <summary>What is not as usual, in a fixed order: <c>-flows8-window65536-queue128-no-event-idx-polling</c>. Part of permanent names.</summary>
    public string Suffix => string.Create(
        CultureInfo.InvariantCulture,
        $"{(Flows == 1 ? "" : $"-flows{Flows}")}{(Window == UsualWindow ? "" : $"-window{Window}")}{(Queue == UsualQueue ? "" : $"-queue{Queue}")}{(EventIdx ? "" : "-no-event-idx")}{(Polling ? "-polling" : "")}");

    /// <summary>By the names of <see cref="Measuring.WorkloadResult.Dimensions"/>.</summary>
    public Dictionary<string, string> Dimensions => new()
    {
        ["socket"] = SocketName,
        ["flows"] = Flows.ToString(CultureInfo.InvariantCulture),
        ["window"] = Window.ToString(CultureInfo.InvariantCulture),
        ["queue"] = Queue.ToString(CultureInfo.InvariantCulture),
        ["event-idx"] = EventIdx ? "on" : "off",
    };
}
