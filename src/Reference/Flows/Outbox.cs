using System.Diagnostics.CodeAnalysis;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>
/// What waits for buffers of the guest: flows with something to send, each once, in turn; and RSTs that belong to no flow, of
/// which a bounded number is parked (virtio 1.4 section 5.10.6.1).
/// </summary>
internal sealed class Outbox
{
    private readonly VsockHeader[] resets;
    private int resetStart;
    private Connection? first;
    private Connection? last;

    public Outbox(int parkedResets) => resets = new VsockHeader[parkedResets];

    public bool IsEmpty => first is null && ParkedResets == 0;

    public int ParkedResets { get; private set; }

    public bool HasRoomForReset => ParkedResets < resets.Length;

    /// <summary>Puts the flow at the end, unless it is waiting already.</summary>
    public void Add(Connection flow)
    {
        if (flow.IsInOutbox || !flow.MaySend)
        {
            return;
        }

        flow.IsInOutbox = true;
        flow.NextInOutbox = null;
        if (last is null)
        {
            first = flow;
        }
        else
        {
            last.NextInOutbox = flow;
        }

        last = flow;
    }

    /// <summary>Takes the first flow that may still have something to send.</summary>
    public bool TryTake([NotNullWhen(true)] out Connection? flow)
    {
        while (first is not null)
        {
            flow = first;
            first = flow.NextInOutbox;
            if (first is null)
            {
                last = null;
            }

            flow.NextInOutbox = null;
            flow.IsInOutbox = false;
            if (flow.MaySend)
            {
                return true;
            }
        }

        flow = null;
        return false;
    }

    /// <summary>False when no more can be parked.</summary>
    public bool TryPark(in VsockHeader reset)
    {
        if (!HasRoomForReset)
        {
            return false;
        }

        resets[(resetStart + ParkedResets++) % resets.Length] = reset;
        return true;
    }

    public bool TryTakeReset(out VsockHeader reset)
    {
        if (ParkedResets == 0)
        {
            reset = default;
            return false;
        }

        reset = resets[resetStart];
        resetStart = (resetStart + 1) % resets.Length;
        ParkedResets--;
        return true;
    }

    public void Clear()
    {
        while (TryTake(out _))
        {
        }

        resetStart = ParkedResets = 0;
    }
}
