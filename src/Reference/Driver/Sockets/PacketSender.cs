using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>
/// Makes the packets of this guest. Control packets that find the tx ring full are parked, in order; data waits with its application, so it can
/// neither overtake them nor take their memory.
/// </summary>
internal sealed class PacketSender(TransmitRing ring, DriverParts parts, DriverIdentity identity, int maxParked)
{
    private readonly Queue<(VsockHeader Header, VsockSocket? Socket)> parked = new();

    /// <summary>Data can be sent now.</summary>
    public bool IsClear => parked.Count == 0 && ring.HasRoom;

    /// <summary>Packets of the device, which may need answers, can be processed.</summary>
    public bool MayReceive => parts.Queues.Drains(parked.Count, maxParked, !ring.HasRoom);

    /// <summary>Sends a packet without payload for a flow.</summary>
    public void Control(VsockSocket socket, Op op, uint flags = 0)
    {
        Post(HeaderOf(socket, op, flags), socket);
    }

    /// <summary>
    /// Tells the host unasked what it may send. Applications read without end, so only one such packet is parked for each flow; it tells the values of
    /// the time when it is sent.
    /// </summary>
    public void Update(VsockSocket socket)
    {
        if (!socket.IsUpdateParked)
        {
            socket.IsUpdateParked = !IsClear;
            Control(socket, Op.CreditUpdate);
        }
    }

    /// <summary>Answers a packet that belongs to no flow.</summary>
    public void Refuse(in VsockHeader packet) => Post(
        new VsockHeader
        {
            DstCid = packet.SrcCid,
            SrcPort = packet.DstPort,
            DstPort = packet.SrcPort,
            Type = packet.Type,
            Op = Op.Rst,
        },
        socket: null);

    /// <summary>Sends data; the ring must have been <see cref="IsClear"/>.</summary>
    public void Data(VsockSocket socket, ReadOnlySpan<byte> payload, uint flags)
    {
        socket.Peer.Sent += parts.Credit.Charge((uint)payload.Length);
        Write(HeaderOf(socket, Op.Rw, flags) with { Len = (uint)payload.Length }, payload, socket);
    }

    /// <summary>The ring has room again: sends what was parked. True when data can follow.</summary>
    public bool Unpark()
    {
        while (ring.HasRoom && parked.TryDequeue(out (VsockHeader Header, VsockSocket? Socket) packet))
        {
            if (packet.Header.Op == Op.CreditUpdate && packet.Socket is { } socket)
            {
                socket.IsUpdateParked = false;
            }

            Write(packet.Header, [], packet.Socket);
        }

        return IsClear;
    }

    /// <summary>The transport was reset: nobody waits for these any more.</summary>
    public void Forget() => parked.Clear();

    private static VsockHeader HeaderOf(VsockSocket socket, Op op, uint flags) => new()
    {
        DstCid = Cid.Host,
        SrcPort = socket.LocalPort ?? 0,
        DstPort = socket.HostPort,
        Type = socket.Type,
        Op = op,
        Flags = flags,
    };

    private void Post(in VsockHeader header, VsockSocket? socket)
    {
        if (IsClear)
        {
            Write(header, [], socket);
        }
        else if (!ring.IsBroken)
        {
            parked.Enqueue((header, socket));
        }
    }

    private void Write(VsockHeader header, ReadOnlySpan<byte> payload, VsockSocket? socket)
    {
        header = header with { SrcCid = identity.GuestCid };
        if (socket is not null)
        {
            // The values of now, however long the packet was parked (VS-CRED-DRV-2).
            (uint bufAlloc, uint fwdCnt) = parts.Credit.Claim(socket.Own);
            header = header with { BufAlloc = bufAlloc, FwdCnt = fwdCnt };
            socket.Own.Announced = socket.Own.Forwarded;
        }

        header = parts.Egress.Stamp(header, socket);
        if (parts.Egress.IsSent(header))
        {
            ring.Write(header, payload);
        }
    }
}
