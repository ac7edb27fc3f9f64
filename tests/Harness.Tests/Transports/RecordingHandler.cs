using System.Collections.Concurrent;
using Vsockspec.Memory;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Transports;

/// <summary>A back end without a device: notes what the session tells it.</summary>
internal sealed class RecordingHandler : IBackEndHandler
{
    private readonly byte[] config = new byte[VsockConfig.Size];

    public RecordingHandler() => new VsockConfig(42).Write(config);

    public ConcurrentQueue<string> Events { get; } = [];

    public ConcurrentDictionary<int, BackEndQueue> Queues { get; } = [];

    public GuestMemory? Memory { get; private set; }

    public VirtioFeatures OfferedFeatures { get; init; } =
        VirtioFeatures.Version1 |
        VirtioFeatures.Stream |
        VirtioFeatures.Seqpacket |
        VirtioFeatures.EventIdx |
        VirtioFeatures.IndirectDesc |
        VirtioFeatures.RingPacked;

    public int QueueCount { get; init; } = 3;

    public ReadOnlySpan<byte> Config => config;

    public void FeaturesAccepted(VirtioFeatures accepted) => Events.Enqueue($"features {(ulong)accepted:x}");

    public void MemoryChanged(GuestMemory memory)
    {
        Memory = memory;
        Events.Enqueue($"memory {memory.Regions.Count}");
    }

    public void QueueStarted(BackEndQueue queue)
    {
        Queues[queue.Index] = queue;
        Events.Enqueue($"started {queue.Index}{(queue.Enabled ? "" : " disabled")}{(queue.Polled ? " polled" : "")} base {queue.Ring.Base}");
    }

    public void QueueStopped(BackEndQueue queue)
    {
        Queues.TryRemove(queue.Index, out _);
        Events.Enqueue($"stopped {queue.Index}");
    }

    public void QueueChanged(BackEndQueue queue) => Events.Enqueue($"changed {queue.Index}{(queue.Enabled ? "" : " disabled")}");

    public void QueueKicked(BackEndQueue queue) => Events.Enqueue($"kicked {queue.Index}");

    public void QueueKickedEarly(int queue) => Events.Enqueue($"kicked early {queue}");

    public void Reset() => Events.Enqueue("reset");

    /// <summary>The events since the last call.</summary>
    public string[] Take()
    {
        List<string> taken = [];
        while (Events.TryDequeue(out string? entry))
        {
            taken.Add(entry);
        }

        return [.. taken];
    }
}
