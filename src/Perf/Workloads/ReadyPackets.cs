using System.Numerics;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>
/// The packets of one flow, written into guest memory once: each distinct piece of the pattern with its header before it. While only one side sends, nothing in a header
/// changes and only descriptors are posted; otherwise there are so many that one is free again when its turn comes, and its header is brought up to date.
/// </summary>
internal sealed class ReadyPackets
{
    private const int Alignment = 64;
    private readonly Session session;
    private readonly Lane lane;
    private readonly int payload;
    private readonly ulong[] addresses;
    private readonly Sent[]? underWay;
    private readonly uint[] flags;
    private int next;

    /// <param name="size">Bytes of a message; those beyond 64 KiB, or beyond what the peer has room for, go in several packets.</param>
    /// <param name="renewed">Bring headers up to date, in so many bytes of packets at least; 0: leave them as they are.</param>
    public ReadyPackets(Session session, Lane lane, int size, int renewed)
    {
        this.session = session;
        this.lane = lane;
        payload = Math.Min(Math.Min(size, Session.LargestPacket), 1 << BitOperations.Log2(Math.Max(1, lane.Room)));
        addresses = new ulong[CountOf(lane.Pattern, payload, renewed)];
        flags = new uint[addresses.Length];
        underWay = renewed > 0 ? new Sent[addresses.Length] : null;
        bool isMessage = lane.Flow.Id.Type == SocketType.Seqpacket;
        for (int i = 0; i < addresses.Length; i++)
        {
            addresses[i] = session.Driver.Arena.Allocate(Length, Alignment, RawDriver.BufferRegion);
            flags[i] = isMessage && (i + 1L) * payload % size == 0 ? (uint)SeqpacketFlags.EndOfMessage : 0;
            WriteHeader(i);
            lane.Pattern.At(lane.Phase + ((long)i * payload), payload).CopyTo(session.Driver.Memory.Slice(addresses[i] + VsockHeader.Size, (uint)payload));
        }
    }

    /// <summary>Bytes of a packet, header included.</summary>
    private uint Length => (uint)(VsockHeader.Size + payload);

    /// <summary>Guest memory that the packets of one flow take, in bytes.</summary>
    public static uint MemoryFor(Pattern pattern, int size, int renewed)
    {
        int packet = Math.Min(size, Session.LargestPacket);
        return (uint)(CountOf(pattern, packet, renewed) * ((VsockHeader.Size + packet + Alignment - 1) / Alignment * Alignment));
    }

    /// <summary>Bytes that the next packet carries.</summary>
    public uint NextSize => (uint)payload;

    /// <summary>True when the next packet may be written: it is not the device's any more.</summary>
    public bool NextIsFree => underWay is null || underWay[next].Ticket == 0 || session.Driver.Tx.IsReturned(underWay[next]);

    /// <summary>Posts the next packet; false when the ring is full. The caller has seen that there is credit and that the packet is free.</summary>
    public bool TryPost()
    {
        if (underWay is not null)
        {
            WriteHeader(next);
        }

        if (!session.Driver.Tx.TrySendInPlace(addresses[next], Length, out Sent sent))
        {
            return false;
        }

        if (underWay is not null)
        {
            underWay[next] = sent;
            lane.Told();
        }

        lane.Sent((uint)payload);
        session.PacketsPosted++;
        next = next + 1 == addresses.Length ? 0 : next + 1;
        return true;
    }

    private static int CountOf(Pattern pattern, int packet, int renewed)
    {
        const int MostRenewed = 2048;
        int distinct = pattern.Period / packet;
        return distinct * Math.Max(1, Math.Min(renewed / packet, MostRenewed) / distinct);
    }

    private void WriteHeader(int index) =>
        (lane.Flow.Header(Op.Rw, flags[index]) with { Len = (uint)payload }).Write(session.Driver.Memory.Slice(addresses[index], VsockHeader.Size));
}
