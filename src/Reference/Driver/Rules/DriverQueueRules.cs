using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>How buffers are given to the device and taken back (virtio 1.4 sections 2.7, 2.8, 3.1 and 5.10.6.1).</summary>
public class DriverQueueRules
{
    /// <summary>The first notification waits until the device runs (ST-06).</summary>
    internal virtual bool NotifiesBeforeStart => false;

    /// <summary>Whether the device is notified, given whether it asked for it (sections 2.7.10 and 2.8.10).</summary>
    internal virtual bool Notifies(int queue, bool isWanted) => isWanted;

    /// <summary>How many notifications of the device the driver stands; more are as good as the first (section 2.7.7.1).</summary>
    internal virtual bool Survives(int queue, bool hasUsed) => true;

    /// <summary>Buffers that the device is given before it runs (section 5.10.5).</summary>
    internal virtual int InitialBuffers(int queue, int count) => count;

    /// <summary>Bytes of one receive buffer.</summary>
    internal virtual uint ReceiveBytes(uint configured) => configured;

    /// <summary>The buffers of a chain of the rx or event queue.</summary>
    internal virtual int CutReceive(ulong address, uint length, Span<RingBuffer> into)
    {
        into[0] = RingBuffer.Writable(address, length);
        return 1;
    }

    /// <summary>The most buffers that a packet is cut into.</summary>
    internal virtual int TransmitBuffers => 2;

    /// <summary>The buffers of a packet: the header, then the payload (section 5.10.6).</summary>
    internal virtual int CutTransmit(ulong address, uint payload, Span<RingBuffer> into)
    {
        into[0] = RingBuffer.Readable(address, VsockHeader.Size);
        if (payload == 0)
        {
            return 1;
        }

        into[1] = RingBuffer.Readable(address + VsockHeader.Size, payload);
        return 2;
    }

    /// <summary>Whether packets with payload go into an indirect table: where it was negotiated (section 2.7.5.3.1).</summary>
    internal virtual bool UsesIndirect(bool negotiated) => negotiated;

    /// <summary>
    /// The bytes of a returned buffer that mean something: those that the device says it wrote (section 2.7.8.3). One that says it wrote more than
    /// there was room for is not believed at all.
    /// </summary>
    internal virtual uint Valid(uint usedLength, uint bufferLength) => usedLength <= bufferLength ? usedLength : 0;

    /// <summary>Whether a buffer is given back to the device, at once, once it was looked at (section 5.10.6.7.1 for the event queue).</summary>
    internal virtual bool Reposts(int queue, ulong returnedBefore) => true;

    /// <summary>
    /// Whether packets from the device are taken: as long as there is memory to park the answers, however full the tx ring is (VS-FLOW-DRV-1).
    /// </summary>
    internal virtual bool Drains(int parked, int limit, bool txFull) => parked < limit;

    /// <summary>Applications that wait for room in the tx ring go on when there is some.</summary>
    internal virtual bool ResumesSenders => true;
}
