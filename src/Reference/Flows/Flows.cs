using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>
/// The flows of the device and what happens to them. In parts: packets from the guest, events of host sockets, packets to the guest, and
/// here the steps of a flow's life that those three share.
/// </summary>
internal sealed partial class Flows
{
    private readonly ReferenceOptions options;
    private readonly DeviceParts parts;
    private readonly EventLoop loop;
    private readonly Timers timers;
    private readonly FlowTable table = new();
    private readonly Outbox outbox;
    private readonly Gather gather = new();
    private readonly IoVectors pieces = new();
    private readonly RingStorage storage;

    /// <summary>The flow that passed on data of the guest last; perhaps it has ended since.</summary>
    private Connection? asked;

    public Flows(ReferenceOptions options, DeviceParts parts, EventLoop loop, Timers timers)
    {
        this.options = options;
        this.parts = parts;
        this.loop = loop;
        this.timers = timers;
        outbox = new Outbox(parts.Delivery.ParkedResets);
        storage = new RingStorage((int)options.BufferBytes);
        gather.Flushed = Passed;
    }

    /// <summary>Features of the device type that the guest accepted.</summary>
    public VirtioFeatures Accepted { get; set; }

    public int Count => table.Count;

    /// <summary>Whether one more flow fits, with <paramref name="others"/> that are about to become one.</summary>
    public bool HasRoom(int others) => parts.Connections.HasRoom(table.Count + others, options.MaxConnections);

    /// <summary>So much data is collected that the guest, waiting for credit, gains more by hearing of it than we by collecting on.</summary>
    public bool IsGatherLarge => gather.Bytes >= options.BufferBytes / 2;

    /// <summary>Passes on what was collected; comes before the chains it lies in are given back.</summary>
    public void FlushGather() => gather.Flush();

    /// <summary>
    /// The host application that got data last probably answers: its socket is read as if it had said that there is something, which takes one system call where waiting for it takes two. For
    /// those who do not sleep.
    /// </summary>
    public void ExpectAnswer()
    {
        if (asked is { Phase: FlowPhase.Established, HostReadable: false, HostEnded: false, IsStalled: false, GuestReceives: true } flow)
        {
            flow.HostReadable = true;
            outbox.Add(flow);
        }
    }

    /// <summary>Ends all flows without a word to the guest, which is gone or has been reset.</summary>
    public void DropAll()
    {
        gather.Flush();
        foreach (Connection flow in table.Snapshot())
        {
            Remove(flow);
        }

        outbox.Clear();
    }

    private Connection Add(FlowKey key, FlowPhase phase, ScatterSocket socket)
    {
        Connection flow = new(this, key, phase, options.BufferBytes)
        {
            Host = key.Type == SocketType.Seqpacket ? new SeqpacketEnd(socket, storage, pieces) : new StreamEnd(socket, storage, gather, pieces),
        };
        flow.Watch = loop.Watch(socket.Fd, HostEvents, flow);
        table.Add(flow);
        return flow;
    }

    /// <summary>The flow does not exist any more; nobody is told.</summary>
    private void Remove(Connection flow)
    {
        ReleaseHost(flow);
        timers.Cancel(flow);
        table.Remove(flow);
        asked = null;
        flow.Phase = FlowPhase.Dead;
        flow.Owed = Owed.None;
    }

    /// <summary>The flow ends with an RST, whatever else it owed: something went wrong.</summary>
    private void Abort(Connection flow) => Die(flow, Owed.None);

    /// <summary>The flow ends with the RST that completes a clean close, after what it owes as answers.</summary>
    private void Finish(Connection flow) => Die(flow, Owed.Response | Owed.CreditUpdate);

    private void Die(Connection flow, Owed keep)
    {
        ReleaseHost(flow);
        timers.Cancel(flow);
        flow.Phase = FlowPhase.Dead;
        flow.Owed = (flow.Owed & keep) | Owed.Reset;
        outbox.Add(flow);
    }

    private void ReleaseHost(Connection flow)
    {
        if (gather.Collects(flow))
        {
            gather.Flush();
        }

        // Passing on what was collected may itself have ended the flow.
        if (flow.Host is { } host)
        {
            flow.Host = null;
            flow.HostReadable = false;
            loop.Unwatch(flow.Watch);
            host.Dispose();
        }
    }
}
