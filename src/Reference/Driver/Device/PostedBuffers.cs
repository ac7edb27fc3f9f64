using Vsockspec.Memory;
using Vsockspec.Rings;

namespace Vsockspec.Reference.Driver;

/// <summary>Hears of a returned buffer. It lies in guest memory and may change while it is looked at.</summary>
/// <param name="buffer">All of it.</param>
/// <param name="valid">The bytes that mean something, from its beginning.</param>
internal delegate void TakeBuffer(ReadOnlySpan<byte> buffer, int valid);

/// <summary>A queue on which the device gets buffers to fill: rx and event. Each buffer goes back to the device as soon as it was looked at.</summary>
internal sealed class PostedBuffers : DriverQueue
{
    /// <summary>Chains that are looked at in one turn, so that one queue does not starve the others.</summary>
    private const int Turn = 256;

    private readonly GuestMemory memory;
    private readonly ulong[] addresses;
    private readonly ulong[] byId;
    private readonly uint length;
    private readonly TakeBuffer take;
    private ulong returned;

    /// <param name="count">Buffers; fewer are posted where the ring has no room for more.</param>
    /// <param name="length">Bytes of each.</param>
    public PostedBuffers(
        int index, DriverRing ring, GuestArena arena, int count, uint length, DriverQueueRules rules, Action<string> reportBroken, TakeBuffer take)
        : base(index, ring, rules, reportBroken)
    {
        memory = arena.Memory;
        this.length = length;
        this.take = take;
        byId = new ulong[ring.Setup.Size];
        addresses = new ulong[count];
        for (int i = 0; i < count; i++)
        {
            addresses[i] = arena.Allocate(length);
        }
    }

    /// <summary>Posts all buffers; the device does not run yet.</summary>
    public void Fill()
    {
        foreach (ulong address in addresses.AsSpan(0, Rules.InitialBuffers(Index, addresses.Length)))
        {
            Post(address);
        }

        Prepare();
    }

    /// <summary>Takes what the device returned. True when there is more at once.</summary>
    /// <param name="mayGoOn">Asked before each.</param>
    public bool Process(Func<bool> mayGoOn)
    {
        int left = Turn;
        while (left > 0 && mayGoOn() && TryTake(out UsedChain used))
        {
            left--;
            ulong address = byId[used.Id];
            uint valid = Rules.Valid(used.Length, length);
            take(memory.Slice(address, Math.Max(length, valid)), (int)valid);
            if (Rules.Reposts(Index, returned++))
            {
                Post(address);
            }
        }

        Publish();
        return left == 0;
    }

    private void Post(ulong address)
    {
        Span<RingBuffer> buffers = stackalloc RingBuffer[4];
        int count = Rules.CutReceive(address, length, buffers);
        if (Ring.TryPost(buffers[..count], out ushort id))
        {
            byId[id] = address;
            Note();
        }
    }
}
