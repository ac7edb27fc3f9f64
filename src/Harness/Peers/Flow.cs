using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>
/// Our end of one flow, the guest's or the host's. It keeps the counters that both sides have to keep and fills legal headers; every field of every
/// packet can be overridden, because strictness is the helper's and never the layer's.
/// </summary>
public sealed class Flow
{
    private readonly IFlowEnd end;
    private readonly Queue<Packet> inbox = new();
    private readonly List<Packet> log = [];
    private ReadOnlyMemory<byte> unread;
    private uint advertisedFwdCnt;
    private bool owesUpdate;

    internal Flow(IFlowEnd end, FlowId id)
    {
        this.end = end;
        Id = id;
    }

    public FlowId Id { get; }

    /// <summary>Our receive buffer, as advertised in every packet.</summary>
    public uint BufAlloc { get; set; } = 256 * 1024;

    /// <summary>Payload bytes that we took out of the receive buffer, modulo 2^32.</summary>
    public uint FwdCnt { get; set; }

    /// <summary>Payload bytes that we sent, modulo 2^32.</summary>
    public uint TxCnt { get; private set; }

    /// <summary>Payload bytes that arrived, modulo 2^32.</summary>
    public uint RxCnt { get; private set; }

    /// <summary>The peer's credit as it last told it.</summary>
    public uint PeerBufAlloc { get; private set; }

    public uint PeerFwdCnt { get; private set; }

    /// <summary>What we may send now (virtio 1.4 section 5.10.6.3); nothing when the peer took back what it had promised.</summary>
    public uint PeerFree
    {
        get
        {
            uint inFlight = TxCnt - PeerFwdCnt;
            return inFlight >= PeerBufAlloc ? 0 : PeerBufAlloc - inFlight;
        }
    }

    /// <summary>Everything the peer sent on this flow, in order.</summary>
    public IReadOnlyList<Packet> Log => log;

    /// <summary>Answer CREDIT_REQUEST with CREDIT_UPDATE, as section 5.10.6.3 asks.</summary>
    public bool AnswersCreditRequests { get; set; } = true;

    /// <summary>A legal header of this flow; the payload length is added when it is sent.</summary>
    public VsockHeader Header(Op op, uint flags = 0) => new()
    {
        SrcCid = end.IsHost ? Id.HostCid : Id.GuestCid,
        DstCid = end.IsHost ? Id.GuestCid : Id.HostCid,
        SrcPort = end.IsHost ? Id.HostPort : Id.GuestPort,
        DstPort = end.IsHost ? Id.GuestPort : Id.HostPort,
        Type = Id.Type,
        Op = op,
        Flags = flags,
        BufAlloc = BufAlloc,
        FwdCnt = FwdCnt,
    };

    /// <summary>Sends one packet.</summary>
    /// <param name="edit">Changes the legal header into what the case wants on the wire.</param>
    public Sent Send(Op op, ReadOnlySpan<byte> payload = default, uint flags = 0, Func<VsockHeader, VsockHeader>? edit = null)
    {
        VsockHeader header = Header(op, flags) with { Len = (uint)payload.Length };
        if (edit is not null)
        {
            header = edit(header);
        }

        advertisedFwdCnt = header.FwdCnt;
        if (header.Op == Op.Rw)
        {
            TxCnt += header.Len;
        }

        return end.Send(header, payload);
    }

    /// <summary>Sends SHUTDOWN with the given hints.</summary>
    public Sent SendShutdown(ShutdownFlags flags) => Send(Op.Shutdown, flags: (uint)flags);

    /// <summary>Sends data as RW packets of at most <paramref name="pieceSize"/> bytes, within the peer's credit, waiting for credit where needed.</summary>
    public void Write(ReadOnlySpan<byte> data, int pieceSize = 64 * 1024)
    {
        while (!data.IsEmpty)
        {
            AwaitCredit(1);
            int n = (int)Math.Min(Math.Min((uint)data.Length, PeerFree), (uint)Math.Min(pieceSize, end.MaxPayload));
            Send(Op.Rw, data[..n]);
            data = data[n..];
        }
    }

    /// <summary>
    /// Waits for room at the peer. The host's side asks for it when none was told for a while: a receiver need not tell unasked (virtio 1.4 section
    /// 5.10.6.3), and what it does is to be seen by <see cref="TimesAsked"/>.
    /// </summary>
    /// <param name="need">Bytes.</param>
    /// <exception cref="ExpectationException">No credit came.</exception>
    public void AwaitCredit(uint need)
    {
        TimeSpan patience = end.Timeline.Patience;
        if (PeerFree >= need || end.Timeline.WaitUntil(end.IsHost ? patience / 2 : patience, () => PeerFree >= need))
        {
            return;
        }

        if (end.IsHost)
        {
            TimesAsked++;
            Send(Op.CreditRequest);
            if (end.Timeline.WaitUntil(() => PeerFree >= need))
            {
                return;
            }
        }

        throw new ExpectationException(
            "no-credit",
            $"CREDIT_UPDATE (or credit in another packet) once the {(end.IsHost ? "guest's" : "host")} application has read",
            $"no credit within {patience.TotalSeconds:0.###} s: buf_alloc={PeerBufAlloc} fwd_cnt={PeerFwdCnt} sent={TxCnt}");
    }

    /// <summary>How often <see cref="AwaitCredit"/> had to ask.</summary>
    public int TimesAsked { get; private set; }

    /// <summary>REQUEST, then RESPONSE.</summary>
    public Packet Connect()
    {
        Send(Op.Request);
        return Expect("no-response", Op.Response);
    }

    /// <summary>
    /// The next packet of the flow, which must have one of the given operations. CREDIT_UPDATE and CREDIT_REQUEST may come at any
    /// time (section 5.10.6.3) and are passed over unless they are asked for.
    /// </summary>
    /// <param name="code">Failure code when something else, or nothing, comes.</param>
    public Packet Expect(string code, params Op[] operations)
    {
        if (TryExpect(out Packet? packet, operations))
        {
            return packet;
        }

        string wanted = string.Join(" or ", operations.Select(Names.Of)) + $" on {Id}";
        throw new ExpectationException(code, wanted, packet is null ? $"nothing within {end.Timeline.Patience.TotalSeconds:0.###} s" : packet.ToString());
    }

    /// <summary>As <see cref="Expect"/>; false with the other packet, or with null when none came.</summary>
    public bool TryExpect([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Packet? packet, params Op[] operations)
    {
        Packet? next = null;
        _ = end.Timeline.WaitUntil(() => TryTake(operations, out next));
        packet = next;
        return next is not null && operations.Contains(next.Op);
    }

    /// <summary>The next packet that is there now, credit packets passed over unless asked for.</summary>
    public bool TryTake(Op[] operations, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Packet? packet)
    {
        while (inbox.TryDequeue(out packet))
        {
            if (packet.Op is not (Op.CreditUpdate or Op.CreditRequest) || operations.Contains(packet.Op))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Nothing but credit packets may be waiting. Call after a fence.</summary>
    public void ExpectNothingMore(string code, string expected)
    {
        if (TryTake([], out Packet? packet))
        {
            throw new ExpectationException(code, expected, packet.ToString());
        }
    }

    /// <summary>Reads exactly <paramref name="count"/> payload bytes, advances <see cref="FwdCnt"/> and tells the peer before it stalls.</summary>
    public byte[] Read(int count)
    {
        byte[] data = new byte[count];
        int done = 0;
        while (done < count)
        {
            if (unread.IsEmpty)
            {
                unread = Expect("data-missing", Op.Rw).Payload;
                continue;
            }

            int n = Math.Min(unread.Length, count - done);
            unread.Span[..n].CopyTo(data.AsSpan(done));
            unread = unread[n..];
            done += n;
            Consume((uint)n);
        }

        return data;
    }

    /// <summary>Reads one seqpacket message: RW packets up to the one with EOM.</summary>
    public (byte[] Data, SeqpacketFlags Flags) ReadMessage()
    {
        List<byte> data = [];
        while (true)
        {
            Packet packet = Expect("message-missing", Op.Rw);
            data.AddRange(packet.Payload);
            Consume((uint)packet.Payload.Length);
            SeqpacketFlags flags = (SeqpacketFlags)packet.Header.Flags;
            if (flags.HasFlag(SeqpacketFlags.EndOfMessage))
            {
                return (data.ToArray(), flags);
            }
        }
    }

    /// <summary>Takes bytes out of the receive buffer and sends CREDIT_UPDATE when half of it has not been told yet.</summary>
    public void Consume(uint count)
    {
        FwdCnt += count;
        if (FwdCnt - advertisedFwdCnt >= BufAlloc / 2)
        {
            Send(Op.CreditUpdate);
        }
    }

    /// <summary>RST, as a side that gives up.</summary>
    public Sent Reset() => Send(Op.Rst);

    internal void Deliver(Packet packet)
    {
        log.Add(packet);
        inbox.Enqueue(packet);
        if (packet.Op != Op.Rst)
        {
            PeerBufAlloc = packet.Header.BufAlloc;
            PeerFwdCnt = packet.Header.FwdCnt;
        }

        if (packet.Op == Op.Rw)
        {
            RxCnt += (uint)packet.Payload.Length;
        }

        owesUpdate |= packet.Op == Op.CreditRequest && AnswersCreditRequests;
    }

    internal void PayDebts()
    {
        if (owesUpdate)
        {
            owesUpdate = false;
            Send(Op.CreditUpdate);
        }
    }
}
