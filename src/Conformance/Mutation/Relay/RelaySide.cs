using Vsockspec.Rings;
using Vsockspec.Transports;

namespace Vsockspec.Conformance.Mutation.Relay;

/// <summary>One queue of the driver, as the relay sees it: the device's side of its ring.</summary>
internal sealed class RelaySide(QueueSetup setup, DeviceRing ring)
{
    private bool broken;

    public QueueSetup Setup => setup;

    public DeviceRing Ring => ring;

    public DeviceChain Chain { get; } = new();

    public bool Runs { get; set; }

    /// <summary>Takes the next chain that can be followed. Those that cannot are returned empty; a broken ring gives no more.</summary>
    public bool TryTake()
    {
        while (!broken)
        {
            switch (ring.TryTake(Chain))
            {
                case TakeResult.Chain:
                    return true;
                case TakeResult.BadChain:
                    ring.Complete(Chain.Id, Chain.RingEntries, 0);
                    break;
                case TakeResult.BrokenRing:
                    broken = true;
                    break;
                default:
                    return false;
            }
        }

        return false;
    }

    /// <summary>The bytes of the chain's readable buffers.</summary>
    public byte[] Bytes()
    {
        byte[] bytes = new byte[Chain.ReadableBytes];
        int at = 0;
        foreach (RingBuffer buffer in Chain.Readable)
        {
            ring.Memory.Read(buffer.Address, bytes.AsSpan(at, (int)buffer.Length));
            at += (int)buffer.Length;
        }

        return bytes;
    }

    /// <summary>Writes to the first bytes of the chain's writable buffers.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        foreach (RingBuffer buffer in Chain.Writable)
        {
            int piece = (int)Math.Min(buffer.Length, (uint)bytes.Length);
            ring.Memory.Write(buffer.Address, bytes[..piece]);
            bytes = bytes[piece..];
        }
    }

    /// <summary>Shows the driver what was completed.</summary>
    public void EndBatch(bool notifies)
    {
        ring.PublishUsed();
        if (ring.CallNeeded() && notifies)
        {
            _ = setup.Call?.Signal();
        }
    }
}
