using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

/// <summary>How a <see cref="Guest"/> sets itself up.</summary>
internal sealed record GuestOptions
{
    public VirtioFeatures Features { get; init; } = VirtioFeatures.Version1 | VirtioFeatures.Stream | VirtioFeatures.Seqpacket;

    public ushort QueueSize { get; init; } = 64;

    /// <summary>Buffers posted from the start; the others are posted with <see cref="Guest.PostBuffers"/>.</summary>
    public int Buffers { get; init; } = 32;

    /// <summary>Bytes of one rx buffer, header included.</summary>
    public uint BufferBytes { get; init; } = 4096;

    public ChainShape Shape { get; init; } = ChainShape.OneBuffer;

    /// <summary>Longest wait for anything.</summary>
    public TimeSpan Deadline { get; init; } = Guest.Patience;

    /// <summary>Asserts what every device must get right; off for a device that is known to be wrong.</summary>
    public bool Strict { get; init; } = true;

    /// <summary>Gives no kick descriptors.</summary>
    public bool Polled { get; init; }
}

/// <summary>A packet as it came from the device.</summary>
internal sealed record GuestPacket(VsockHeader Header, byte[] Payload)
{
    public override string ToString() => Header.ToString();
}

/// <summary>A plain driver: posts what it is told to, kicks when asked to, and waits with a deadline.</summary>
internal sealed class Guest : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly GuestOptions options;
    private readonly GuestMemory memory;
    private readonly GuestArena arena;
    private readonly DriverRing rx;
    private readonly DriverRing tx;
    private readonly EventFd[] kicks = [new(), new()];
    private readonly EventFd[] calls = [new(), new()];
    private readonly Dictionary<ushort, ulong> rxBuffers = [];
    private readonly Stack<ulong> txFree = new();
    private readonly Dictionary<ushort, ulong> txBuffers = [];

    public Guest(string socket, GuestOptions? options = null)
    {
        this.options = options ??= new GuestOptions();
        FrontEnd = VhostUserFrontEnd.Connect(socket, new VhostUserFrontEndOptions { Deadline = options.Deadline });
        memory = new GuestMemory([MemoryRegion.Create(0x10000, 8 << 20), MemoryRegion.Create(0x4000_0000, 96 << 20)]);
        arena = new GuestArena(memory);
        FrontEnd.Negotiate();
        FrontEnd.AcceptFeatures(options.Features);
        FrontEnd.ShareMemory(memory);
        rx = SetUp(VsockQueue.Rx);
        tx = SetUp(VsockQueue.Tx);
        for (int i = 0; i < options.QueueSize; i++)
        {
            txFree.Push(arena.Allocate(TxBytes));
        }

        PostBuffers(options.Buffers);
        FrontEnd.StartQueue(VsockQueue.Rx);
        FrontEnd.StartQueue(VsockQueue.Tx);
        FrontEnd.Flush();
    }

    public const uint TxBytes = 128 * 1024;

    public ulong Cid { get; init; } = 52;

    public VhostUserFrontEnd FrontEnd { get; }

    public GuestMemory Memory => memory;

    public int TxOutstanding
    {
        get
        {
            Reap();
            return tx.Outstanding;
        }
    }

    /// <summary>Lengths of rx chains that came back without a packet.</summary>
    public List<uint> EmptyBuffers { get; } = [];

    public void PostBuffers(int count, uint? bytes = null)
    {
        Span<RingBuffer> pieces = new RingBuffer[256];
        for (int i = 0; i < count; i++)
        {
            ulong address = arena.Allocate(bytes ?? options.BufferBytes, 1);
            PostBuffer(address, bytes ?? options.BufferBytes, pieces);
        }

        rx.Publish();
        Kick(VsockQueue.Rx, rx);
    }

    public void Send(VsockHeader header, ReadOnlySpan<byte> payload = default, ChainShape? shape = null) =>
        SendBytes([.. Bytes(header), .. payload], shape ?? options.Shape);

    public void SendBytes(ReadOnlySpan<byte> packet, ChainShape shape = default)
    {
        WaitUntil(() => txFree.Count > 0, "a free tx buffer");
        Queue(packet, shape);
        Publish();
    }

    /// <summary>Posts a packet that becomes visible with <see cref="Publish"/>.</summary>
    public void Queue(ReadOnlySpan<byte> packet, ChainShape shape = default)
    {
        ulong address = txFree.Pop();
        packet.CopyTo(memory.Slice(address, TxBytes));
        RingBuffer[] pieces = new RingBuffer[shape.CountFor((uint)packet.Length)];
        int count = shape.Cut(address, (uint)packet.Length, false, pieces);
        ushort id = 0;
        WaitUntil(() => tx.TryPost(pieces.AsSpan(0, count), out id), "room in the tx ring");
        txBuffers[id] = address;
    }

    public void Publish()
    {
        tx.Publish();
        Kick(VsockQueue.Tx, tx);
    }

    public static byte[] Bytes(VsockHeader header)
    {
        byte[] bytes = new byte[VsockHeader.Size];
        header.Write(bytes);
        return bytes;
    }

    /// <summary>The next packet of the device.</summary>
    public GuestPacket Next()
    {
        GuestPacket? packet = null;
        WaitUntil(() => (packet = TryNext()) is not null, "a packet");
        return packet!;
    }

    public GuestPacket? TryNext()
    {
        if (!rx.TryTakeUsed(out UsedChain used))
        {
            return null;
        }

        ulong address = rxBuffers[(ushort)used.Id];
        rxBuffers.Remove((ushort)used.Id);
        if (used.Length < VsockHeader.Size)
        {
            EmptyBuffers.Add(used.Length);
            return TryNext();
        }

        byte[] bytes = memory.Slice(address, used.Length).ToArray();
        VsockHeader header = VsockHeader.Read(bytes);
        Assert.That(!options.Strict || used.Length == VsockHeader.Size + header.Len, $"used length {used.Length} of {header}");
        if (options.Buffers > 0)
        {
            Span<RingBuffer> pieces = new RingBuffer[256];
            PostBuffer(address, options.BufferBytes, pieces);
            rx.Publish();
            Kick(VsockQueue.Rx, rx);
        }

        return new GuestPacket(header, bytes[VsockHeader.Size..]);
    }

    public GuestPacket Expect(Op op)
    {
        GuestPacket packet = Next();
        Assert.That(packet.Header.Op, Is.EqualTo(op), packet.ToString());
        return packet;
    }

    /// <summary>Asserts that everything sent so far has been processed and answered with nothing more.</summary>
    public void ExpectNothing(Fence fence)
    {
        fence.Send(this);
        GuestPacket packet = Next();
        Assert.That(packet.Header.Op == Op.Rst && packet.Header.DstPort == fence.Port, Is.True, $"unexpected {packet}");
    }

    public void WaitUntil(Func<bool> condition, string what)
    {
        long start = Stopwatch.GetTimestamp();
        Span<PollEntry> entries =
        [
            new PollEntry(calls[0].Fd, PollEvents.Readable),
            new PollEntry(calls[1].Fd, PollEvents.Readable),
            new PollEntry(FrontEnd.WatchFd, PollEvents.Readable),
        ];
        while (true)
        {
            Reap();
            if (condition())
            {
                return;
            }

            if (Stopwatch.GetElapsedTime(start) > options.Deadline)
            {
                throw new TimeoutException($"the guest waited in vain for {what}");
            }

            if (rx.EnableCalls() | tx.EnableCalls())
            {
                continue;
            }

            Poll.Wait(entries, 100);
            Assert.That(entries[2].Ready, Is.EqualTo(PollEvents.None), "the device closed the vhost-user connection");
            calls[0].Drain();
            calls[1].Drain();
        }
    }

    public void Dispose()
    {
        FrontEnd.Dispose();
        memory.Dispose();
        foreach (EventFd fd in kicks.Concat(calls))
        {
            fd.Dispose();
        }
    }

    private void PostBuffer(ulong address, uint bytes, Span<RingBuffer> pieces)
    {
        int count = options.Shape.Cut(address, bytes, true, pieces);
        Assert.That(rx.TryPost(pieces[..count], out ushort id), Is.True);
        rxBuffers[id] = address;
    }

    private void Reap()
    {
        while (tx.TryTakeUsed(out UsedChain used))
        {
            Assert.That(!options.Strict || used.Length == 0, "used length of a tx chain");
            txFree.Push(txBuffers[(ushort)used.Id]);
            txBuffers.Remove((ushort)used.Id);
        }
    }

    private DriverRing SetUp(int index)
    {
        RingLayout layout = options.Features.HasFlag(VirtioFeatures.RingPacked) ? RingLayout.Packed : RingLayout.Split;
        RingSetup setup = RingAllocation.Allocate(
            arena,
            layout,
            options.QueueSize,
            options.Features.HasFlag(VirtioFeatures.EventIdx),
            options.Features.HasFlag(VirtioFeatures.IndirectDesc),
            options.Features.HasFlag(VirtioFeatures.InOrder));
        FrontEnd.SetUpQueue(new QueueSetup(index, setup, RingBase.Initial(layout), options.Polled ? null : kicks[index], calls[index]));
        return DriverRings.Create(memory, setup);
    }

    private void Kick(int index, DriverRing ring)
    {
        if (ring.KickNeeded())
        {
            kicks[index].Signal();
        }
    }
}

/// <summary>A packet of no flow, whose RST shows that everything before it was processed.</summary>
internal sealed class Fence
{
    private uint port = 0xf000_0000;

    public uint Port => port;

    public void Send(Guest guest)
    {
        port++;
        guest.Send(new VsockHeader { SrcCid = guest.Cid, DstCid = 2, SrcPort = port, DstPort = 9, Type = SocketType.Stream, Op = Op.CreditUpdate });
    }
}
