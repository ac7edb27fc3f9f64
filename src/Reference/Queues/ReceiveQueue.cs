using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>
/// The rx queue: buffers of the guest, filled with what the flows have for it, one packet of each flow in turn. Kicks are asked for only
/// while something waits for a buffer.
/// </summary>
internal sealed class ReceiveQueue(EventLoop loop, Action<BackEndQueue> reportBroken, Flows flows, DeviceParts parts) : KickedQueue(loop, parts, reportBroken)
{
    private const int BatchSize = 256;

    private bool waitsForBuffers;

    /// <summary>Buffers given back empty because not even a header fits into them.</summary>
    public long BuffersTooSmall { get; private set; }

    public override bool Process()
    {
        if (Ring is not { } ring || !Queue!.Enabled || (!IsAwake && (flows.HasNothingToSend || waitsForBuffers)))
        {
            return false;
        }

        BeginBatch(ring);
        int left = BatchSize;
        bool empty = false;
        while (left > 0 && !empty && !flows.HasNothingToSend)
        {
            if (!TryTake(ring, out bool isBad))
            {
                empty = !isBad;
                continue;
            }

            left--;
            Fill(ring);
        }

        EndBatch(ring);
        IsAwake = false;
        if (flows.HasNothingToSend)
        {
            waitsForBuffers = false;
            return false;
        }

        waitsForBuffers = empty && !SleepUnlessAvailable(ring);
        return !waitsForBuffers;
    }

    private void Fill(DeviceRing ring)
    {
        if (Chain.WritableBytes < VsockHeader.Size)
        {
            BuffersTooSmall++;
            ring.Complete(Chain.Id, Chain.RingEntries, 0);
            return;
        }

        ChainBytes room = new(ring.Memory, Chain.Writable, Chain.WritableBytes);
        uint written = flows.WriteReset(room);
        while (written == 0 && flows.TryTakeTurn(out Connection? flow))
        {
            written = flows.WriteNext(flow, room);
            if (written != 0)
            {
                flows.GiveTurn(flow);
            }
        }

        if (written == 0)
        {
            Untake(ring);
        }
        else
        {
            Queue!.LogWritten(Chain, written);
            ring.Complete(Chain.Id, Chain.RingEntries, written);
        }
    }
}
