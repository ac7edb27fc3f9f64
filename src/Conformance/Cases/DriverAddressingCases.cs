using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>Which packets are a flow's, and which are nobody's (virtio 1.4 sections 5.10.6.2 and 5.10.6.4).</summary>
[Area("driver-addressing")]
public static class DriverAddressingCases
{
    private static readonly SocketType[] UnknownTypes = [0, (SocketType)3, (SocketType)0xffff];

    [Case("VSC-2030", "VS-RXTX-DRV-2", "B-09", Title = "A packet of a type that nobody knows, on no flow, draws RST")]
    public static void UnknownType_OnNoFlow_IsAnsweredByRst(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        foreach (SocketType type in UnknownTypes)
        {
            foreach (Op op in (Op[])[Op.Request, Op.Rw, Op.Shutdown, Op.CreditUpdate, Op.CreditRequest])
            {
                Flow flow = c.Device.NewFlow(c.NewHostPort(), op == Op.Request ? port : c.NewGuestPort());
                flow.Send(op, op == Op.Rw ? "x"u8 : default, edit: h => h with { Type = type });
                DriverContext.Require(
                    flow.TryExpect(out Packet? answer, Op.Rst), "unknown-type-unanswered", $"RST to {Names.Of(op)} of type {(ushort)type}", answer?.ToString() ?? "nothing");
                c.Record("driver.unknown_type.rst_type", (ushort)answer!.Header.Type);
            }
        }
    }

    [Case("VSC-2031", "VS-RXTX-DRV-2", Title = "A packet of a type that nobody knows, on an established flow's addresses, draws RST")]
    public static void UnknownType_OnEstablishedFlow_IsAnsweredByRst(DriverContext c)
    {
        foreach (SocketType type in UnknownTypes)
        {
            (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
            flow.Send(Op.Rw, "x"u8, edit: h => h with { Type = type });
            DriverContext.Require(
                flow.TryExpect(out Packet? answer, Op.Rst), "unknown-type-unanswered", $"RST to RW of type {(ushort)type}", answer?.ToString() ?? "nothing");
            GuestReceived received = guest.Receive(1, GuestMessage.DontWait);
            DriverContext.Require(received.Result.Value <= 0, "unknown-type-delivered", "the byte of another type does not reach the application", $"{received.Result.Value} byte");
            c.Record("driver.unknown_type.flow", received.Result.Succeeded ? "closed" : received.Result.Errno == GuestErrno.WouldBlock ? "lives on" : $"errno {received.Result.Errno}");
        }
    }

    [Case("VSC-2032", "VS-RXTX-DRV-2", Title = "RST of a type that nobody knows draws nothing")]
    public static void UnknownType_OfRst_IsNotAnswered(DriverContext c)
    {
        Flow flow = c.Device.NewFlow(c.NewHostPort(), c.NewGuestPort());
        foreach (SocketType type in UnknownTypes)
        {
            flow.Send(Op.Rst, edit: h => h with { Type = type });
        }

        c.Fence();
        flow.ExpectNothingMore("answer-to-rst", "no answer to RST");
    }

    [Case("VSC-2033", "VS-X-43", "B-10", Title = "A seqpacket REQUEST is refused with RST where SEQPACKET was not offered")]
    [Offer(VirtioFeatures.Stream)]
    public static void Seqpacket_NotNegotiated_IsRefused(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        Flow flow = c.Device.NewFlow(c.NewHostPort(), listener.Listen(), SocketType.Seqpacket);
        flow.Send(Op.Request);
        _ = flow.Expect("no-rst", Op.Rst);
    }

    [Case("VSC-2034", "VS-X-43", Title = "A guest's seqpacket socket sends nothing to a device that did not offer SEQPACKET; its stream sockets work")]
    [Offer(VirtioFeatures.Stream)]
    public static void SeqpacketConnect_NotNegotiated_FailsInTheGuest(DriverContext c)
    {
        uint port = c.NewHostPort();
        GuestResult made = c.Await(c.Agent.Socket(SocketType.Seqpacket));
        GuestResult result = made.Succeeded ? new GuestSocket(c, (int)made.Value).Connect(Cid.Host, port) : made;
        c.Record("driver.seqpacket.not_offered", result);
        DriverContext.Require(!result.Succeeded, "connected", "socket or connect fails", result.ToString());
        c.Fence();
        DriverContext.Require(
            c.Device.Strays.All(p => p.Header.DstPort != port), "type-not-negotiated", "no packet of type seqpacket", c.Device.Strays.FirstOrDefault(p => p.Header.DstPort == port)?.ToString() ?? "");
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        GuestFlow.Echo(c, guest, flow);
    }

    [Case("VSC-2035", "VS-X-16", "B-10", Needs = VirtioFeatures.Seqpacket, Title = "A seqpacket REQUEST to a port at which only a stream socket listens is refused with RST, and the other way round")]
    public static void Request_OfTheOtherType_IsRefused(DriverContext c)
    {
        foreach ((SocketType listens, SocketType asks) in ((SocketType, SocketType)[])[(SocketType.Stream, SocketType.Seqpacket), (SocketType.Seqpacket, SocketType.Stream)])
        {
            GuestSocket listener = GuestSocket.Create(c, listens);
            Flow flow = c.Device.NewFlow(c.NewHostPort(), listener.Listen(), asks);
            flow.Send(Op.Request);
            _ = flow.Expect("no-rst", Op.Rst);
        }
    }

    [Case("VSC-2036", "VS-X-16", "B-10", Needs = VirtioFeatures.Seqpacket, Title = "Data of the other type never reaches the application of an established flow")]
    public static void Data_OfTheOtherType_IsNotDelivered(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        flow.Send(Op.Rw, "x"u8, (uint)SeqpacketFlags.EndOfMessage, h => h with { Type = SocketType.Seqpacket });
        c.Fence();
        GuestReceived received = guest.Receive(1, GuestMessage.DontWait);
        DriverContext.Require(received.Result.Value <= 0, "other-type-delivered", "the byte of another type does not reach the application", $"{received.Result.Value} byte");
        c.Record("driver.other_type.rw", GuestFlow.Answers(flow));
    }

    [Case("VSC-2037", "VS-X-16", Needs = VirtioFeatures.Seqpacket, Title = "Every packet of a seqpacket flow has type 2, from REQUEST to its end")]
    public static void SeqpacketFlow_FromRequestToEnd_HasItsType(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, SocketType.Seqpacket);
        GuestFlow.Echo(c, guest, flow);
        flow.Send(Op.CreditRequest);
        guest.Close().OrThrow("close");
        _ = flow.Expect("close-untold", Op.Shutdown, Op.Rst);
        flow.Send(Op.Rst);
        c.Fence();
        Packet? wrong = flow.Log.FirstOrDefault(p => p.Header.Type != SocketType.Seqpacket);
        DriverContext.Require(wrong is null, "wrong-type", "type 2 in every packet of the flow", wrong?.ToString() ?? "");
    }

    [Case("VSC-2038", "VS-X-15", Title = "Data with one field of the address of a flow changed never reaches its application", Regressions = ["KB-C1"])]
    public static void Data_OfAnotherAddress_IsNotDelivered(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.OpenFromDevice(c);
        Func<VsockHeader, VsockHeader>[] edits =
        [
            h => h with { SrcPort = h.SrcPort + 0x1000 },
            h => h with { DstPort = h.DstPort + 0x1000 },
            h => h with { SrcCid = h.SrcCid + 77 },
        ];
        foreach (Func<VsockHeader, VsockHeader> edit in edits)
        {
            VsockHeader odd = edit(flow.Header(Op.Rw) with { Len = 1 });
            c.Device.Send(odd, "x"u8);
        }

        c.Fence();
        GuestReceived received = guest.Receive(1, GuestMessage.DontWait);
        DriverContext.Require(received.Result.Value <= 0, "wrong-flow", "nothing of another address reaches the application", $"{received.Result.Value} byte");
        GuestFlow.Echo(c, guest, flow);
    }

    [Case("VSC-2039", "VS-X-15", Title = "RST and SHUTDOWN with one field of the address of a flow changed do not end it", Regressions = ["KB-C1"])]
    public static void End_OfAnotherAddress_EndsNothing(DriverContext c)
    {
        (string What, Func<VsockHeader, VsockHeader> Edit)[] edits =
        [
            ("source port", h => h with { SrcPort = h.SrcPort + 0x1000 }),
            ("destination port", h => h with { DstPort = h.DstPort + 0x1000 }),
            ("source CID", h => h with { SrcCid = h.SrcCid + 77 }),
        ];
        List<string> ended = [];
        foreach (Op op in (Op[])[Op.Rst, Op.Shutdown])
        {
            foreach ((string what, Func<VsockHeader, VsockHeader> edit) in edits)
            {
                (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
                c.Device.Send(edit(flow.Header(op, op == Op.Shutdown ? (uint)(ShutdownFlags.Receive | ShutdownFlags.Send) : 0)));
                c.Fence();
                if (guest.TrySend([1]).Result.Value != 1)
                {
                    ended.Add($"{Names.Of(op)} with another {what}");
                }
            }
        }

        DriverContext.Require(ended.Count == 0, "ended-by-another", "packets of another address end nothing", $"a connection was ended by {string.Join(", ", ended)}");
    }

    [Case("VSC-2040", "B-33", Probe = true, Title = "Recorded: what a driver does with REQUEST and data for a CID that is not its guest's")]
    public static void ForeignCid_IsRecorded(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        Flow flow = c.Device.Register(new FlowId(c.GuestCid + 1, port, Cid.Host, c.NewHostPort(), SocketType.Stream));
        flow.Send(Op.Request);
        c.Fence();
        Packet? other = c.Device.TakeStray(p => p.Header.DstPort == flow.Id.HostPort);
        c.Record("driver.foreign_cid.request", GuestFlow.Answers(flow) is { Length: > 0 } own ? own : other is null ? "nothing" : $"{Names.Of(other.Op)} from the guest's own CID");
        flow.Send(Op.Rst);
    }

    [Case("VSC-2041", "B-34", Probe = true, Title = "Recorded: what a driver does with REQUEST whose CIDs have upper bits set")]
    public static void UpperBits_AreRecorded(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        uint host = c.NewHostPort();
        Flow flow = c.Device.NewFlow(host, port);
        flow.Send(Op.Request, edit: h => h with { SrcCid = h.SrcCid | (1UL << 40), DstCid = h.DstCid | (1UL << 40) });
        c.Fence();
        Packet? other = c.Device.TakeStray(p => p.Header.DstPort == host);
        c.Record("driver.upper_bits.request", GuestFlow.Answers(flow) is { Length: > 0 } own ? own : other is null ? "nothing" : $"{Names.Of(other.Op)} with upper bits");
        flow.Send(Op.Rst);
    }

    [Case("VSC-2042", "VS-X-09", "VS-RXTX-DRV-1", Title = "Every packet of the driver comes from the guest's CID with the upper halves zero, resets among them")]
    public static void Packets_OfEveryKind_ComeFromTheGuestCid(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        GuestFlow.Echo(c, guest, flow);
        flow.Send(Op.CreditRequest);
        Flow closed = c.Device.NewFlow(c.NewHostPort(), c.NewGuestPort());
        closed.Send(Op.Request);
        _ = closed.Expect("no-rst", Op.Rst);
        guest.Close().OrThrow("close");
        _ = flow.Expect("close-untold", Op.Shutdown, Op.Rst);
        flow.Send(Op.Rst);
        c.Fence();
        foreach (Packet packet in (Packet[])[.. flow.Log, .. closed.Log])
        {
            DriverContext.Require(
                packet.Header.SrcCid == c.GuestCid && packet.Header.DstCid == Cid.Host, "wrong-cid", $"src_cid {c.GuestCid}, dst_cid 2, upper halves zero", packet.ToString());
        }

        DriverContext.Require(c.Device.Strays.Count == 0, "stray", "no packet of any other address", c.Device.Strays is [var stray, ..] ? stray.ToString() : "");
    }

    [Case("VSC-2043", "VS-X-10", "VS-X-11", Title = "Every packet of a whole connection has an operation of the specification, and len 0 unless it is RW")]
    public static void Packets_OfAConnection_AreWellFormed(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.OpenFromDevice(c);
        GuestFlow.Echo(c, guest, flow);
        flow.Send(Op.CreditRequest);
        guest.Shutdown(System.Net.Sockets.SocketShutdown.Send).OrThrow("shutdown");
        _ = flow.Expect("shutdown-untold", Op.Shutdown);
        guest.Close().OrThrow("close");
        c.Fence();
        flow.Send(Op.Rst);
        c.Fence();
        foreach (Packet packet in flow.Log)
        {
            DriverContext.Require(packet.Op is >= Op.Request and <= Op.CreditRequest, "unknown-op", "op 1 to 7", packet.ToString());
            DriverContext.Require(packet.Header.Len == 0 || packet.Op == Op.Rw, "payload-on-control", "len 0", packet.ToString());
            DriverContext.Require(packet.Header.Len == packet.Payload.Length, "wrong-len", $"len {packet.Payload.Length}, what the chain has", packet.ToString());
        }
    }

    [Case("VSC-2044", "B-07", "B-08", Probe = true, Title = "Recorded: what a driver does with operations that the specification does not have; the flow lives on, or ends")]
    public static void UnknownOp_OnEstablishedFlow_IsRecorded(DriverContext c)
    {
        foreach (ushort op in (ushort[])[0, 8, 0xffff])
        {
            (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
            flow.Send((Op)op);
            c.Fence();
            string answers = GuestFlow.Answers(flow);
            c.Record($"driver.op_{op}", answers.Length == 0 ? "nothing" : answers);
            if (answers.Length == 0)
            {
                GuestFlow.Echo(c, guest, flow);
            }
        }
    }

    [Case("VSC-2045", "B-15", Probe = true, Title = "Recorded: what a driver does with ports 0 and 0xffffffff")]
    public static void OddPorts_AreRecorded(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        foreach (uint host in (uint[])[0, uint.MaxValue])
        {
            Flow from = c.Device.NewFlow(host, port);
            from.Send(Op.Request);
            c.Fence();
            c.Record($"driver.request.from_port_{host:x}", GuestFlow.Answers(from));
            from.Send(Op.Rst);
            Flow to = c.Device.NewFlow(c.NewHostPort(), host);
            to.Send(Op.Request);
            c.Fence();
            c.Record($"driver.request.to_port_{host:x}", GuestFlow.Answers(to));
        }
    }

    [Case("VSC-2046", "VS-X-13", Title = "The driver writes no packet into the rx queue's buffers and expects none in the tx queue's")]
    public static void Queues_HaveTheirDirections(DriverContext c)
    {
        HeldChain rx = c.Device.Rx.Peek() ?? throw new ExpectationException("rx-starved", "buffers in the rx queue", "none");
        DriverContext.Require(rx.ReadableBytes == 0, "readable-rx", "an rx chain that the device only writes", $"{rx.ReadableBytes} readable bytes");
        c.Device.ReturnsTx = false;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        _ = guest.Send(100);
        _ = flow.Read(100);
        DriverContext.Require(
            c.Device.HeldTx.TrueForAll(chain => chain.WritableBytes == 0), "writable-tx", "tx chains that the device only reads", $"{c.Device.HeldTx.Max(chain => chain.WritableBytes)} writable bytes");
    }
}
