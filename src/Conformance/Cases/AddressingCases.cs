using System.Buffers.Binary;
using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>The header, addresses and malformed packets (virtio 1.4 sections 5.10.4, 5.10.6 and 5.10.6.2).</summary>
[Area("addressing")]
public static class AddressingCases
{
    [Case("VSC-0301", "VS-X-08", "VS-X-03", Title = "guest_cid is a little-endian number of 8 bytes, the one that was configured")]
    public static void Config_GuestCid_IsTheConfiguredOne(CaseContext c)
    {
        byte[] config = ReadConfig(c);
        ulong cid = BinaryPrimitives.ReadUInt64LittleEndian(config);
        CaseContext.Require(cid == c.GuestCid, "wrong-cid", $"guest_cid {c.GuestCid}", $"{cid} (bytes {Convert.ToHexString(config)})");
    }

    [Case("VSC-0302", "VS-RXTX-DEV-1", "VS-X-06", "B-35", Title = "guest_cid is none of the reserved values")]
    public static void Config_GuestCid_IsNotReserved(CaseContext c)
    {
        ulong cid = BinaryPrimitives.ReadUInt64LittleEndian(ReadConfig(c));
        CaseContext.Require(!Cid.IsReserved(cid), "reserved-cid", "none of 0, 1, 2, 0xffffffff, 0xffffffffffffffff", $"0x{cid:x}");
    }

    [Case("VSC-0303", "VS-X-05", Title = "The upper 32 bits of guest_cid are zero")]
    public static void Config_UpperBits_AreZero(CaseContext c)
    {
        ulong cid = BinaryPrimitives.ReadUInt64LittleEndian(ReadConfig(c));
        CaseContext.Require(cid >> 32 == 0, "upper-bits-set", "bytes 4 to 7 zero", $"0x{cid:x}");
    }

    [Case("VSC-0304", "VS-X-03", Title = "Configuration space reads the same in parts as in one piece")]
    public static void Config_ReadInParts_IsTheSame(CaseContext c)
    {
        byte[] whole = ReadConfig(c);
        using VhostUserFrontEnd device = c.Connect();
        device.Negotiate();
        byte[]? low = device.ReadConfig(0, 4);
        byte[]? high = device.ReadConfig(4, 4);
        CaseContext.Require(low is not null && high is not null, "config-too-short", "4 bytes at offset 0 and at offset 4", "a read was refused");
        Exchange.Same((byte[])[.. low!, .. high!], whole, "guest_cid in two halves");
    }

    [Case("VSC-0305", "VS-X-08", "VS-X-26", Title = "Every field of the header is where the specification puts it, little-endian", Vary = Vary.Layouts)]
    public static void Header_OfEveryAnswer_DecodesToWhatWasAsked(CaseContext c)
    {
        using HostListener listener = c.Listen();
        Flow flow = c.Driver.NewFlow(listener.Port, guestPort: 0x1234_5678);
        flow.Send(Op.Request);
        VsockHeader response = flow.Expect("no-response", Op.Response).Header;
        CaseContext.Require(
            response.SrcCid == Cid.Host && response.DstCid == c.GuestCid && response.SrcPort == listener.Port && response.DstPort == 0x1234_5678,
            "wrong-header",
            $"2:{listener.Port}→{c.GuestCid}:{0x1234_5678}",
            response.ToString());
        using HostConnection host = listener.Accept();
        byte[] data = c.RandomBytes(0x123);
        host.Send(data);
        Packet packet = flow.Expect("data-missing", Op.Rw);
        CaseContext.Require(packet.Header.Len == data.Length, "wrong-len", $"len {data.Length}", packet.ToString());
        CaseContext.Require(packet.UsedLength == VsockHeader.Size + data.Length, "wrong-used-length", $"used length {VsockHeader.Size + data.Length}", $"{packet.UsedLength}");
        Exchange.Same(packet.Payload, data, "host to guest");
    }

    [Case("VSC-0306", "VS-X-09", "VS-X-10", "VS-X-11", "VS-X-13", "VS-X-16", Title = "Every packet of a whole conversation has legal addresses, operation, type and length", Vary = Vary.Rings)]
    public static void Conversation_EveryPacket_HasALegalHeader(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        Exchange.Echo(c, flow, host);
        flow.Send(Op.CreditRequest);
        flow.Expect("no-credit-update", Op.CreditUpdate);
        host.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        flow.Expect("half-close-not-told", Op.Shutdown);
        flow.SendShutdown(ShutdownFlags.Both);
        flow.Expect("no-rst", Op.Rst);
        Flow refused = c.Driver.NewFlow(c.NewHostPort());
        refused.Send(Op.Request);
        refused.Expect("no-rst", Op.Rst);
        (Flow fromHost, _) = c.OpenFromHost();
        foreach (Packet packet in (IEnumerable<Packet>)[.. flow.Log, .. refused.Log, .. fromHost.Log])
        {
            VsockHeader h = packet.Header;
            CaseContext.Require((h.SrcCid | h.DstCid) >> 32 == 0, "upper-bits-set", "the upper 32 bits of both CIDs zero", packet.ToString());
            CaseContext.Require(h.SrcCid == Cid.Host && h.DstCid == c.GuestCid, "wrong-cid", $"from CID 2 to CID {c.GuestCid}", packet.ToString());
            CaseContext.Require(h.Op is >= Op.Request and <= Op.CreditRequest, "undefined-op", "an operation from 1 to 7", packet.ToString());
            CaseContext.Require(h.Type == SocketType.Stream || h.Op == Op.Rst, "wrong-type", "type stream, as the flow's REQUEST", packet.ToString());
            CaseContext.Require(h.Len == packet.Payload.Length && (h.Op == Op.Rw || h.Len == 0), "wrong-len", "len equal to the payload, 0 for all but RW", packet.ToString());
            CaseContext.Require(packet.UsedLength >= VsockHeader.Size + h.Len, "wrong-used-length", "a used length of header and payload", $"{packet.UsedLength}: {packet}");
        }

        CaseContext.Require(c.Driver.Strays.Count == 0, "stray-packet", "packets of the flows that were opened only", c.Driver.Strays.Count > 0 ? c.Driver.Strays[0].ToString() : "");
        CaseContext.Require(c.Driver.ShortPackets == 0, "short-packet", "no packet shorter than a header", $"{c.Driver.ShortPackets}");
    }

    [Case(
        "VSC-0307",
        "VS-X-13",
        "VS-X-02",
        Title = "The tx ring carries nothing back: its chains return with length 0",
        Vary = Vary.Layouts,
        Regressions = ["KB-B12"])]
    public static void TxChains_Returned_WithLengthZero(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        Sent[] all = [flow.Send(Op.Rw, c.RandomBytes(100)), flow.Send(Op.CreditRequest), flow.Send(Op.Rw, c.RandomBytes(5000))];
        foreach (Sent sent in all)
        {
            c.Driver.ExpectReturned(sent);
            uint length = c.Driver.Tx.UsedLengthOf(sent);
            CaseContext.Require(length == 0, "tx-used-length", "used length 0 for a chain without writable buffers", $"{length}");
        }

        _ = host.ReceiveExactly(5100);
    }

    [Case("VSC-0308", "VS-X-12", "B-37", Title = "A chain longer than header and payload: only the first len bytes count", Vary = Vary.Layouts)]
    public static void Chain_LongerThanPacket_OnlyLenCounts(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        foreach (uint slack in (ReadOnlySpan<uint>)[1, 4091, 65_531, 65_532, 131_072])
        {
            byte[] data = c.RandomBytes(5);
            ulong at = c.Driver.Arena.Allocate(VsockHeader.Size + 5 + slack);
            VsockHeader header = flow.Header(Op.Rw) with { Len = 5 };
            Span<byte> memory = c.Driver.Memory.Slice(at, VsockHeader.Size + 5 + slack);
            memory.Fill(0xEE);
            header.Write(memory);
            data.CopyTo(memory[VsockHeader.Size..]);
            c.Driver.ExpectReturned(c.Driver.PostChain(RingBuffer.Readable(at, VsockHeader.Size + 5 + slack)));
            c.Driver.ExpectReturned(c.Driver.PostChain(
                RingBuffer.Readable(at, VsockHeader.Size),
                RingBuffer.Readable(at + VsockHeader.Size, 5),
                RingBuffer.Readable(at + VsockHeader.Size + 5, slack)));
            Exchange.Same(host.ReceiveExactly(10), (byte[])[.. data, .. data], $"guest to host with {slack} bytes behind the payload");
        }

        flow.Write([1, 2, 3]);
        Exchange.Same(host.ReceiveExactly(3), [1, 2, 3], "guest to host afterwards");
    }

    [Case("VSC-0309", "B-32", Title = "A packet with another guest's source CID reaches nobody", Probe = true, Regressions = ["KB-C2"])]
    public static void Packet_WithForeignSourceCid_ReachesNobody(CaseContext c)
    {
        using HostListener listener = c.Listen();
        Flow spoofed = c.Driver.Register(new FlowId(c.GuestCid + 1, 5000, Cid.Host, listener.Port, SocketType.Stream));
        Sent sent = spoofed.Send(Op.Request);
        c.Driver.ExpectReturned(sent);
        c.Fence();

        CaseContext.Require(listener.TryAccept() is null, "spoofed-cid-accepted", "no host connection for a source CID that is not the guest's", "a connection");
        Packet? answer = c.Driver.TakeStray(_ => true);
        c.Record("addressing.foreign_src_cid", spoofed.TryTake([], out Packet? packet) ? Names.Of(packet.Op) : answer is null ? "dropped" : Names.Of(answer.Op));
    }

    [Case(
        "VSC-0310",
        "B-33",
        "B-34",
        "B-71",
        Title = "Packets to CIDs other than the host's, or with upper bits set, do no harm",
        Probe = true,
        Regressions = ["KB-C2"])]
    public static void Packet_ToForeignCid_DoesNoHarm(CaseContext c)
    {
        using HostListener listener = c.Listen();
        foreach (ulong cid in (ReadOnlySpan<ulong>)[0, 1, 7, c.GuestCid, Cid.Any32, Cid.Any64, Cid.Host | (1UL << 32)])
        {
            Flow flow = c.Driver.Register(new FlowId(c.GuestCid, c.Driver.NewGuestPort(), cid, listener.Port, SocketType.Stream));
            c.Driver.ExpectReturned(flow.Send(Op.Request));
            c.Fence();
            bool answered = flow.TryTake([], out Packet? packet);
            c.Record($"addressing.dst_cid_{cid:x}", answered ? Names.Of(packet!.Op) : listener.TryAccept() is null ? "dropped" : "accepted");
        }
    }

    [Case(
        "VSC-0311",
        "B-36",
        "B-38",
        Title = "A len beyond the chain loses no data silently, and the chain is returned",
        Vary = Vary.Layouts,
        Regressions = ["KB-B10", "KB-D4"])]
    public static void Len_BeyondTheChain_IsNotTrusted(CaseContext c)
    {
        foreach (uint len in (ReadOnlySpan<uint>)[11, 65_537, 0x8000_0000, uint.MaxValue])
        {
            (Flow flow, HostConnection host) = c.Open();
            Sent sent = flow.Send(Op.Rw, c.RandomBytes(10), edit: h => h with { Len = len });
            c.Driver.ExpectReturned(sent);
            c.Fence();
            CaseContext.Require(host.BytesRead <= 10, "bytes-out-of-nowhere", "at most the 10 bytes of the chain", $"{host.BytesRead}");
            c.Record("malformed.len_beyond_chain", flow.TryTake([], out Packet? packet) ? Names.Of(packet.Op) : "ignored");
            host.Dispose();
        }

        c.Fence();
    }

    [Case("VSC-0312", "B-39", Title = "A len on a control packet does no harm", Probe = true)]
    public static void Len_OnControlPacket_DoesNoHarm(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        c.Driver.ExpectReturned(flow.Send(Op.CreditUpdate, c.RandomBytes(20)));
        c.Driver.ExpectReturned(flow.Send(Op.CreditRequest, edit: h => h with { Len = 100 }));
        c.Fence();
        c.Record("malformed.len_on_control", flow.TryTake([], out Packet? packet) ? Names.Of(packet.Op) : "ignored");
        host.Dispose();
        c.Fence();
    }

    [Case("VSC-0313", "B-40", Title = "Chains shorter than a header are returned and do no harm", Vary = Vary.Rings)]
    public static void Chain_ShorterThanHeader_IsReturned(CaseContext c)
    {
        c.Driver.Tx.Indirect = false;
        c.Canary.Open();
        foreach (int length in (ReadOnlySpan<int>)[1, 8, 28, 43])
        {
            c.Driver.ExpectReturned(c.Driver.SendBytes(c.RandomBytes(length)));
        }

        Exchange.Echo(c);
        c.Fence();
    }

    [Case("VSC-0314", "VS-X-27", "B-41", Title = "A device-writable buffer in the tx ring does no harm", Isolation = Isolation.Process, Vary = Vary.Layouts)]
    public static void TxChain_Writable_DoesNoHarm(CaseContext c)
    {
        c.Taint(VsockQueue.Tx);
        c.Canary.Open();
        ulong at = c.Driver.Arena.Allocate(4096);
        c.Driver.MindsClosing = false;
        Sent sent = c.Driver.PostChain(RingBuffer.Writable(at, 4096));
        bool returned = c.Timeline.WaitUntil(TimeSpan.FromMilliseconds(100), () => c.Driver.Tx.IsReturned(sent) || c.Driver.DeviceGone);
        c.Record("malformed.writable_tx", c.Driver.DeviceGone ? "closed" : returned ? "returned" : "kept");
        c.Stop();
        c.Fence();
        Exchange.Echo(c);
    }

    [Case("VSC-0315", "B-45", Title = "Flag bits without a meaning do no harm", Probe = true)]
    public static void Flags_Unknown_DoNoHarm(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        byte[] data = c.RandomBytes(30);
        flow.Send(Op.Rw, data, flags: 0xffff_fffc);
        c.Fence();
        c.Record("malformed.unknown_flags", flow.TryTake([], out Packet? packet) ? Names.Of(packet.Op) : "ignored");
        host.Dispose();
        c.Fence();
    }

    [Case("VSC-0316", "VQ-16", "B-46", Title = "A flow that vanishes while its answer is queued leaves no half-written packet", Vary = Vary.Layouts)]
    public static void Flow_VanishesInOneKick_EveryPacketIsWhole(CaseContext c)
    {
        const int Times = 50;
        for (int i = 0; i < Times; i++)
        {
            (Flow flow, HostConnection host) = c.Open();
            using (c.Driver.OneKick())
            {
                flow.Send(Op.CreditRequest);
                flow.Send(Op.Rst);
            }

            host.ExpectClosed("reset-ignored", "the host application sees the end");
        }

        c.Fence();
        CaseContext.Require(c.Driver.ShortPackets == 0, "short-packet", "no used rx chain shorter than a header", $"{c.Driver.ShortPackets}");
    }

    [Case("VSC-0317", "VS-X-24", "VS-X-34", "B-47", Title = "CREDIT_REQUEST and SHUTDOWN of both in one kick: RST comes")]
    public static void CreditRequestAndShutdown_InOneKick_RstComes(CaseContext c)
    {
        (Flow flow, _) = c.Open();
        using (c.Driver.OneKick())
        {
            flow.Send(Op.CreditRequest);
            flow.SendShutdown(ShutdownFlags.Both);
        }

        flow.Expect("no-rst", Op.Rst);
        foreach (Packet packet in flow.Log)
        {
            CaseContext.Require(packet.Op is >= Op.Request and <= Op.CreditRequest, "undefined-op", "an operation from 1 to 7", packet.ToString());
        }
    }

    private static byte[] ReadConfig(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.Config);
        using VhostUserFrontEnd device = c.Connect();
        device.Negotiate();
        byte[]? config = device.ReadConfig(0, VsockConfig.Size);
        CaseContext.Require(config is { Length: VsockConfig.Size }, "config-too-short", "8 bytes of configuration space", config is null ? "the read was refused" : $"{config.Length}");
        return config!;
    }
}
