using System.Diagnostics.CodeAnalysis;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Mutation.Relay;

/// <summary>One queue between the relay and the device: split, direct chains of one buffer, all of one size.</summary>
internal sealed class RelayQueue : IDisposable
{
    private readonly GuestMemory memory;
    private readonly ulong buffers;
    private readonly uint slotSize;
    private readonly Stack<int> free;
    private readonly Dictionary<uint, int> slots = [];
    private readonly EventFd kick = new();
    private readonly EventFd error = new();
    private readonly bool receives;

    public RelayQueue(int index, GuestArena arena, ushort size, uint slotSize)
    {
        memory = arena.Memory;
        this.slotSize = slotSize;
        receives = index == VsockQueue.Rx;
        RingSetup ring = RingAllocation.Allocate(arena, RingLayout.Split, size);
        buffers = arena.Allocate(size * slotSize, 64);
        free = new Stack<int>(Enumerable.Range(0, size));
        Ring = DriverRings.Create(memory, ring);
        Setup = new QueueSetup(index, ring, 0, kick, Call, error);
    }

    public DriverRing Ring { get; }

    public QueueSetup Setup { get; }

    public EventFd Call { get; } = new();

    public bool HasRoom => free.Count > 0;

    /// <summary>Gives the device a packet; there must be room.</summary>
    public void Send(ReadOnlySpan<byte> packet)
    {
        int slot = free.Peek();
        ulong at = AddressOf(slot);
        memory.Write(at, packet);
        Post(RingBuffer.Readable(at, (uint)packet.Length));
    }

    /// <summary>Gives the device every buffer that it has not.</summary>
    public void PostAll()
    {
        while (HasRoom)
        {
            // What a kernel writes at a time is no more than this, and a larger buffer would let it.
            Post(RingBuffer.Writable(AddressOf(free.Peek()), Math.Min(slotSize, VsockHeader.Size + (64 * 1024))));
        }
    }

    /// <summary>Takes back what the device has used.</summary>
    public void Reclaim()
    {
        while (!receives && Ring.TryTakeUsed(out UsedChain used))
        {
            if (slots.Remove(used.Id, out int slot))
            {
                free.Push(slot);
            }
        }
    }

    /// <summary>The next packet of the device; its buffer is given back at once.</summary>
    public bool TryReceive([NotNullWhen(true)] out byte[]? packet)
    {
        packet = null;
        while (packet is null && Ring.TryTakeUsed(out UsedChain used))
        {
            if (!slots.Remove(used.Id, out int slot))
            {
                continue;
            }

            if (used.Length >= VsockHeader.Size && used.Length <= slotSize)
            {
                packet = new byte[used.Length];
                memory.Read(AddressOf(slot), packet);
            }

            free.Push(slot);
            PostAll();
        }

        return packet is not null;
    }

    public void Dispose()
    {
        Call.Dispose();
        kick.Dispose();
        error.Dispose();
    }

    private ulong AddressOf(int slot) => buffers + ((ulong)slot * slotSize);

    private void Post(RingBuffer buffer)
    {
        int slot = free.Pop();
        if (!Ring.TryPost([buffer], out ushort id))
        {
            throw new InvalidOperationException("a ring of the relay has fewer descriptors than buffers");
        }

        slots[id] = slot;
        Ring.Publish();
        if (Ring.KickNeeded())
        {
            _ = kick.Signal();
        }
    }
}
