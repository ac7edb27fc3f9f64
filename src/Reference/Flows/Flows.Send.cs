using System.Diagnostics.CodeAnalysis;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <content>Packets to the guest.</content>
internal sealed partial class Flows
{
    /// <summary>The next flow of the turn that may have something for the guest.</summary>
    public bool TryTakeTurn([NotNullWhen(true)] out Connection? flow) => outbox.TryTake(out flow);

    /// <summary>Nothing waits for a buffer of the guest.</summary>
    public bool HasNothingToSend => outbox.IsEmpty;

    /// <summary>Puts the flow at the end of the turn if it may have more.</summary>
    public void GiveTurn(Connection flow) => outbox.Add(flow);

    /// <summary>Writes a parked RST, if there is one.</summary>
    /// <param name="room">Header and payload; has room for a header.</param>
    /// <returns>Bytes written, 0 for none.</returns>
    public uint WriteReset(in ChainBytes room)
    {
        if (!outbox.TryTakeReset(out VsockHeader reset))
        {
            return 0;
        }

        WriteHeader(reset, null, room);
        return VsockHeader.Size;
    }

    /// <summary>Writes the flow's next packet into a buffer of the guest, if it has one.</summary>
    /// <param name="room">Header and payload; has room for a header.</param>
    /// <returns>Bytes written, 0 for none.</returns>
    public uint WriteNext(Connection flow, in ChainBytes room)
    {
        if (TryTakeOwed(flow, Owed.Request))
        {
            if (flow.Host!.IsHungUp)
            {
                // The host application gave up before the guest could hear of it.
                Remove(flow);
                return 0;
            }

            return WriteControl(flow, Op.Request, room, Owed.Request);
        }

        if (TryTakeOwed(flow, Owed.Response))
        {
            return WriteControl(flow, Op.Response, room, Owed.Response);
        }

        if (TryTakeOwed(flow, Owed.CreditUpdate))
        {
            return WriteControl(flow, Op.CreditUpdate, room, Owed.CreditUpdate);
        }

        if (flow.Phase == FlowPhase.Established && flow.HasDataToTry && WriteData(flow, room) is var data and not 0)
        {
            return data;
        }

        if (TryTakeOwed(flow, Owed.CreditRequest))
        {
            return WriteControl(flow, Op.CreditRequest, room);
        }

        if (TryTakeOwed(flow, Owed.WindowUpdate))
        {
            return WriteControl(flow, Op.CreditUpdate, room);
        }

        if (TryTakeOwed(flow, Owed.Shutdown))
        {
            return WriteControl(flow, Op.Shutdown, room, Owed.Shutdown, (uint)flow.OurShutdown);
        }

        if (TryTakeOwed(flow, Owed.Reset))
        {
            uint written = WriteControl(flow, Op.Rst, room, Owed.Reset);
            if ((flow.Owed & Owed.Reset) == 0)
            {
                Remove(flow);
            }

            return written;
        }

        return 0;
    }

    private static bool TryTakeOwed(Connection flow, Owed what)
    {
        bool owed = (flow.Owed & what) != 0;
        flow.Owed &= ~what;
        return owed;
    }

    private uint WriteData(Connection flow, in ChainBytes room)
    {
        HostEnd host = flow.Host!;
        if (!flow.GuestReceives)
        {
            // Nothing is read any more, so only the end of the connection is of interest.
            flow.HostReadable = false;
            if (host.IsHungUp)
            {
                Ended(flow);
            }

            return 0;
        }

        uint free = parts.Credit.Free(flow.Peer);
        if (free == 0)
        {
            LookAhead(flow, host);
            return 0;
        }

        uint space = (uint)Math.Min(room.Length - VsockHeader.Size, parts.Delivery.MaxPayload);
        if (space == 0)
        {
            // A buffer for a header only. It must not be held back, or larger ones behind it are never reached: it carries news of the window.
            return WriteControl(flow, Op.CreditUpdate, room);
        }

        uint limit = Math.Min(free, space);
        ReadResult read = host.Read(room, limit);
        switch (read.State)
        {
            case ReadState.Nothing:
                flow.HostReadable = false;
                return 0;
            case ReadState.Ended:
                Ended(flow);
                return 0;
            case ReadState.Broken:
                Abort(flow);
                return 0;
        }

        if (flow.Key.Type == SocketType.Stream && read.Count < limit && !flow.HostShut)
        {
            // A stream socket that gave less than it was asked for is empty, and says so when it is not any more.
            flow.HostReadable = false;
        }

        flow.Peer.Sent += read.Count;
        uint flags = flow.Key.Type == SocketType.Seqpacket ? (uint)parts.Delivery.MessageFlags(read.Flags) : 0;
        WriteHeader(HeaderOf(flow, Op.Rw, read.Count, flags), flow, room);
        return VsockHeader.Size + read.Count;
    }

    /// <summary>The guest gives no credit: finds out whether there is data to ask credit for, or only an end to tell.</summary>
    private void LookAhead(Connection flow, HostEnd host)
    {
        flow.HostReadable = false;
        switch (host.Probe())
        {
            case ReadState.Data:
                flow.IsStalled = true;
                if (parts.Credit.AsksForCredit && !flow.AskedForCredit)
                {
                    flow.AskedForCredit = true;
                    flow.Owed |= Owed.CreditRequest;
                }

                break;
            case ReadState.Ended:
                Ended(flow);
                break;
            case ReadState.Broken:
                Abort(flow);
                break;
        }
    }

    private uint WriteControl(Connection flow, Op op, in ChainBytes room, Owed owed = Owed.None, uint flags = 0)
    {
        if (!parts.Egress.IsSent(op))
        {
            return 0;
        }

        if (parts.Egress.IsRepeated(op))
        {
            flow.Owed |= owed;
        }

        WriteHeader(HeaderOf(flow, op, 0, flags), flow, room);
        return VsockHeader.Size;
    }

    private VsockHeader HeaderOf(Connection flow, Op op, uint length, uint flags)
    {
        (uint bufAlloc, uint fwdCnt) = parts.Credit.Claim(flow.Window);
        flow.Window.Told = flow.Window.Forwarded;
        flow.Owed &= ~Owed.WindowUpdate;
        return new VsockHeader
        {
            SrcCid = Cid.Host,
            DstCid = options.GuestCid,
            SrcPort = flow.Key.HostPort,
            DstPort = flow.Key.GuestPort,
            Len = length,
            Type = flow.Key.Type,
            Op = op,
            Flags = flags,
            BufAlloc = bufAlloc,
            FwdCnt = fwdCnt,
        };
    }

    private void WriteHeader(in VsockHeader header, Connection? flow, in ChainBytes room)
    {
        Span<byte> bytes = stackalloc byte[VsockHeader.Size];
        parts.Egress.Encode(parts.Egress.Stamp(header, flow), bytes);
        room.TryWrite(bytes);
    }
}
