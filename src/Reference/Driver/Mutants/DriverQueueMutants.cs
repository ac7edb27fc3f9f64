using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver.Mutants;

/// <summary>Buffers and notifications, virtio 1.4 sections 2.7, 2.8, 3.1 and 5.10.6.1.</summary>
internal static class DriverQueueMutants
{
    /// <summary>What a ring of 128 holds.</summary>
    private const ulong RingFull = 128;

    public static IEnumerable<DriverMutant> All =>
    [
        With("driver-notifies-before-driver-ok", "ST-06", "Notifies the device before it may run.", () => new Hasty()),
        With("driver-notifies-unasked", "VQ-19", "Notifies a device that asked not to be.", () => new Loud()),
        With("driver-notifies-too-seldom", "VQ-19", "Leaves out every fourth notification that the device asked for.", () => new Forgetful()),
        With("driver-call-spurious-gives-up", "VQ-22", "Gives a queue up after four notifications in a row for nothing.", () => new Touchy()),
        With("driver-used-length-ignored", "VQ-17", "Takes the whole buffer for what the device wrote.", () => new WholeBuffer()),
        With("driver-used-length-believed", "B-75", "Reads as many bytes as the device says, beyond the buffer too.", () => new Believing()),
        With("driver-rx-starves", "VS-X-17", "Gives no rx buffer back after 129 packets.", () => new Reposting((queue, returned) => queue != VsockQueue.Rx || returned <= RingFull)),
        With("driver-event-buffers-kept", "VS-EVT-DRV-1", "Gives no event buffer back.", () => new Reposting((queue, _) => queue != VsockQueue.Event)),
        With("driver-event-buffers-missing", "VS-EVT-DRV-1", "Starts the device without event buffers.", () => new Initial((queue, count) => queue == VsockQueue.Event ? 0 : count)),
        With("driver-rx-buffers-small", "VS-X-08", "Posts rx buffers in which no header fits.", () => new Small()),
        With("driver-rx-waits-for-tx", "VS-FLOW-DRV-1", "Takes no packet of the device while the tx ring is full.", () => new Draining((_, _, txFull) => !txFull)),
        With("driver-replies-without-end", "VS-X-14", "Keeps as many replies as the device cares to make it owe.", () => new Draining((_, _, _) => true)),
        With("driver-replies-stop-for-good", "VS-X-14", "Does not go on when there is room for replies again.", () => new Sticking()),
        With("driver-tx-full-for-good", "VS-X-14", "Does not go on sending when a full tx ring has room again.", () => new Discouraged()),
        With("driver-tx-writable-end", "VS-X-27", "Ends the chains of its packets with a buffer for the device to write.", () => new Sending((address, payload, into) =>
        {
            int count = Legal(address, payload, into);
            into[count] = RingBuffer.Writable(address, 1);
            return count + 1;
        })),
        With("driver-tx-writable-first", "VQ-04", "Begins the chains of its packets with a buffer for the device to write.", () => new Sending((address, payload, into) =>
        {
            into[0] = RingBuffer.Writable(address, 1);
            return 1 + Legal(address, payload, into[1..]);
        })),
        With("driver-tx-payload-first", "VS-X-26", "Puts the header behind the payload.", () => new Sending((address, payload, into) =>
        {
            int count = Legal(address, payload, into);
            into[..count].Reverse();
            return count;
        })),
        With("driver-rx-readable-part", "VS-X-27", "Posts rx buffers of which the first part is for the device to read.", () => new Receiving((address, length, into) =>
        {
            into[0] = RingBuffer.Readable(address + length - 4, 4);
            into[1] = RingBuffer.Writable(address, length - 4);
            return 2;
        })),
        With("driver-rx-readable-last", "VQ-04", "Posts rx chains of which the last part is for the device to read.", () => new Receiving((address, length, into) =>
        {
            into[0] = RingBuffer.Writable(address, length - 4);
            into[1] = RingBuffer.Readable(address + length - 4, 4);
            return 2;
        })),
        With("driver-indirect-unnegotiated", "VQ-10", "Uses indirect tables whether they were negotiated or not.", () => new Indirect()),
    ];

    private delegate int CutBuffers(ulong address, uint length, Span<RingBuffer> into);

    private static DriverMutant With(string id, string breaks, string summary, Func<DriverQueueRules> rules) =>
        new(id, breaks, summary, p => p with { Queues = rules() });

    private static int Legal(ulong address, uint payload, Span<RingBuffer> into) => new DriverQueueRules().CutTransmit(address, payload, into);

    private sealed class Hasty : DriverQueueRules
    {
        internal override bool NotifiesBeforeStart => true;
    }

    private sealed class Loud : DriverQueueRules
    {
        internal override bool Notifies(int queue, bool isWanted) => true;
    }

    private sealed class Forgetful : DriverQueueRules
    {
        private int wanted;

        internal override bool Notifies(int queue, bool isWanted) => isWanted && ++wanted % 4 != 0;
    }

    private sealed class Touchy : DriverQueueRules
    {
        private readonly int[] spurious = new int[VsockQueue.Event + 1];

        internal override bool Survives(int queue, bool hasUsed)
        {
            spurious[queue] = hasUsed ? 0 : spurious[queue] + 1;
            return spurious[queue] < 4;
        }
    }

    private sealed class WholeBuffer : DriverQueueRules
    {
        internal override uint Valid(uint usedLength, uint bufferLength) => bufferLength;
    }

    private sealed class Believing : DriverQueueRules
    {
        internal override uint Valid(uint usedLength, uint bufferLength) => usedLength;
    }

    private sealed class Reposting(Func<int, ulong, bool> does) : DriverQueueRules
    {
        internal override bool Reposts(int queue, ulong returnedBefore) => does(queue, returnedBefore);
    }

    private sealed class Initial(Func<int, int, int> buffers) : DriverQueueRules
    {
        internal override int InitialBuffers(int queue, int count) => buffers(queue, count);
    }

    private sealed class Small : DriverQueueRules
    {
        internal override uint ReceiveBytes(uint configured) => VsockHeader.Size - 4;
    }

    private sealed class Draining(Func<int, int, bool, bool> drains) : DriverQueueRules
    {
        internal override bool Drains(int parked, int limit, bool txFull) => drains(parked, limit, txFull);
    }

    private sealed class Sticking : DriverQueueRules
    {
        private bool isStuck;

        internal override bool Drains(int parked, int limit, bool txFull)
        {
            isStuck |= !base.Drains(parked, limit, txFull);
            return !isStuck;
        }
    }

    private sealed class Discouraged : DriverQueueRules
    {
        internal override bool ResumesSenders => false;
    }

    private sealed class Sending(CutBuffers cut) : DriverQueueRules
    {
        internal override int TransmitBuffers => base.TransmitBuffers + 1;

        internal override int CutTransmit(ulong address, uint payload, Span<RingBuffer> into) => cut(address, payload, into);
    }

    private sealed class Receiving(CutBuffers cut) : DriverQueueRules
    {
        internal override int CutReceive(ulong address, uint length, Span<RingBuffer> into) => cut(address, length, into);
    }

    private sealed class Indirect : DriverQueueRules
    {
        internal override bool UsesIndirect(bool negotiated) => true;
    }
}
