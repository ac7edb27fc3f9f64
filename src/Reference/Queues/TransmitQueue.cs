using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>
/// The tx queue: packets of the guest, in order. Chains are given back in batches, after what they carry has gone on its way. When a
/// packet needs an answer for which there is no memory it stays in the ring, and so do those behind it, until the guest has taken answers
/// (virtio 1.4 section 5.10.6.1).
/// </summary>
internal sealed class TransmitQueue(EventLoop loop, Action<BackEndQueue> reportBroken, Flows flows, DeviceParts parts) : KickedQueue(loop, parts, reportBroken)
{
    private const int BatchSize = 256;

    private bool waitsForReplies;

    /// <summary>Answers were taken by the guest: packets that need one can be processed again. True when some wait for that.</summary>
    public bool ResumeAfterReplies()
    {
        bool resumes = waitsForReplies && Parts.Delivery.ResumesAfterReplies;
        waitsForReplies &= !resumes;
        return resumes;
    }

    public override bool Process()
    {
        if (!IsAwake || Ring is not { } ring || waitsForReplies)
        {
            return false;
        }

        BeginBatch(ring);
        int left = BatchSize;
        bool empty = false;
        while (left > 0 && !empty && !waitsForReplies && !flows.IsGatherLarge)
        {
            if (!TryTake(ring, out bool isBad))
            {
                empty = !isBad;
                continue;
            }

            left--;
            if (!Queue!.Enabled || Receive(ring))
            {
                ring.Complete(Chain.Id, Chain.RingEntries, 0);
            }
            else
            {
                Untake(ring);
                waitsForReplies = true;
            }
        }

        flows.FlushGather();
        EndBatch(ring);
        return empty ? SleepUnlessAvailable(ring) : !waitsForReplies;
    }

    private bool Receive(DeviceRing ring)
    {
        ChainBytes packet = new(ring.Memory, Chain.Readable, Chain.ReadableBytes);
        Span<byte> bytes = stackalloc byte[VsockHeader.Size];
        return !Parts.Ingress.IsPacket(packet.Length) || !packet.TryRead(bytes) || flows.Receive(Parts.Ingress.Decode(bytes), packet);
    }
}
