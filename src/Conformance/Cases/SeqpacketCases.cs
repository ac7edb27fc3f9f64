using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>Seqpacket sockets and their boundaries (virtio 1.4 section 5.10.6.6).</summary>
[Area("seqpacket")]
public static class SeqpacketCases
{
    private const uint Eom = (uint)SeqpacketFlags.EndOfMessage;
    private const uint EomEor = (uint)(SeqpacketFlags.EndOfMessage | SeqpacketFlags.EndOfRecord);

    [Case("VSC-0601", "VS-X-18", Title = "Messages from the guest arrive one by one, in order and whole", Vary = Vary.Rings, Needs = VirtioFeatures.Seqpacket)]
    public static void GuestMessages_OfAllSizes_KeepTheirBoundaries(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open(SocketType.Seqpacket);
        foreach (int size in (ReadOnlySpan<int>)[1, 2, 44, 4096, 10_000, 60_000])
        {
            byte[] data = c.RandomBytes(size);
            flow.Send(Op.Rw, data, Eom);
            Exchange.Same(host.ReceiveMessage(), data, "guest to host");
        }
    }

    [Case("VSC-0602", "VS-X-18", Title = "Messages from the host arrive one by one, in order and whole", Vary = Vary.Rings, Needs = VirtioFeatures.Seqpacket)]
    public static void HostMessages_OfAllSizes_KeepTheirBoundaries(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open(SocketType.Seqpacket);
        foreach (int size in (ReadOnlySpan<int>)[1, 2, 44, 3000, 10_000, 60_000])
        {
            byte[] data = c.RandomBytes(size);
            host.Send(data);
            Exchange.Same(flow.ReadMessage().Data, data, "host to guest");
        }
    }

    [Case("VSC-0603", "VS-X-37", "VS-X-40", Title = "The last RW of a message has EOM and no other has, however small the rx buffers", Vary = Vary.Layouts, Needs = VirtioFeatures.Seqpacket)]
    public static void HostMessage_CutIntoPieces_EomOnTheLastOnly(CaseContext c)
    {
        c.Start(o => o with { RxBufferSize = VsockHeader.Size + 100 });
        (Flow flow, HostConnection host) = c.Open(SocketType.Seqpacket);
        foreach (int size in (ReadOnlySpan<int>)[1, 99, 100, 101, 1000])
        {
            byte[] data = c.RandomBytes(size);
            host.Send(data);
            (byte[] seen, SeqpacketFlags flags) = flow.ReadMessage();
            Exchange.Same(seen, data, $"host to guest, {size} bytes in buffers of 100");
            CaseContext.Require(((uint)flags & ~EomEor) == 0, "undefined-flags", "EOM and EOR only, as masks 1 and 2", $"0x{(uint)flags:x}");
        }

        c.Fence();
        flow.ExpectNothingMore("message-goes-on", "nothing after the last EOM");
    }

    [Case("VSC-0604", "VS-X-38", Title = "A message sent in several RW packets arrives as one, with CREDIT_UPDATE between them", Vary = Vary.Layouts, Needs = VirtioFeatures.Seqpacket)]
    public static void GuestMessage_InPieces_ArrivesAsOne(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open(SocketType.Seqpacket);
        foreach (int piece in (ReadOnlySpan<int>)[1, 7, 100, 999])
        {
            byte[] data = c.RandomBytes(1000);
            for (int at = 0; at < data.Length; at += piece)
            {
                int n = Math.Min(piece, data.Length - at);
                flow.Send(Op.Rw, data.AsSpan(at, n), at + n == data.Length ? Eom : 0);
                if (c.Random.Next(20) == 0)
                {
                    flow.Send(Op.CreditUpdate);
                }
            }

            Exchange.Same(host.ReceiveMessage(), data, $"guest to host in pieces of {piece}");
        }
    }

    [Case("VSC-0605", "VS-X-39", Title = "A message that ends a record arrives like any other", Needs = VirtioFeatures.Seqpacket)]
    public static void GuestMessage_WithEndOfRecord_Arrives(CaseContext c)
    {
        // A Unix socket has no MSG_EOR to show; what can be judged is that the flag changes nothing else.
        (Flow flow, HostConnection host) = c.Open(SocketType.Seqpacket);
        byte[] data = c.RandomBytes(50);
        flow.Send(Op.Rw, data, EomEor);
        Exchange.Same(host.ReceiveMessage(), data, "guest to host with EOM and EOR");
        flow.Send(Op.Rw, data, Eom);
        Exchange.Same(host.ReceiveMessage(), data, "guest to host with EOM");
    }

    [Case("VSC-0606", "VS-X-18", Title = "Many small messages are neither merged nor cut", Vary = Vary.Rings, Needs = VirtioFeatures.Seqpacket)]
    public static void ManyMessages_BothWays_KeepTheirBoundaries(CaseContext c)
    {
        const int Messages = 50;
        (Flow flow, HostConnection host) = c.Open(SocketType.Seqpacket);
        byte[][] all = [.. Enumerable.Range(0, Messages).Select(_ => c.RandomBytes(c.Random.Next(1, 200)))];
        using (c.Driver.OneKick())
        {
            foreach (byte[] message in all)
            {
                flow.Send(Op.Rw, message, Eom);
            }
        }

        foreach (byte[] message in all)
        {
            host.Send(message);
        }

        foreach (byte[] message in all)
        {
            Exchange.Same(host.ReceiveMessage(), message, "guest to host");
            Exchange.Same(flow.ReadMessage().Data, message, "host to guest");
        }
    }

    [Case(
        "VSC-0607",
        "B-51",
        Title = "A flood of empty messages does no harm",
        Probe = true,
        Needs = VirtioFeatures.Seqpacket,
        Regressions = ["KB-B2"])]
    public static void EmptyMessages_Flood_DoesNoHarm(CaseContext c)
    {
        const int Messages = 2000;
        (Flow flow, _) = c.Open(SocketType.Seqpacket);
        for (int i = 0; i < Messages; i++)
        {
            flow.Send(Op.Rw, [], Eom);
        }

        c.Fence();
        bool reset = flow.TryTake([], out Packet? packet) && packet.Op == Op.Rst;
        c.Record("seqpacket.empty_messages", reset ? "reset" : "taken");
        c.Fence();
    }

    [Case("VSC-0608", "VS-CRED-DEV-1", Title = "A message larger than the guest's window comes in pieces as credit allows, or not at all", Needs = VirtioFeatures.Seqpacket)]
    public static void HostMessage_LargerThanWindow_NeverOverruns(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open(SocketType.Seqpacket, bufAlloc: 1000);
        if (!host.TrySend(c.RandomBytes(5000), out _))
        {
            c.Record("seqpacket.message_beyond_window", "refused to the host application");
        }

        c.Fence();
        CaseContext.Require(flow.RxCnt <= 1000, "sends-without-credit", "at most the 1000 bytes of the window", $"{flow.RxCnt} bytes");
        c.Record("seqpacket.sent_of_message_beyond_window", $"{flow.RxCnt} of 5000 bytes sent at first");
    }

    [Case("VSC-0609", "VS-X-18", "VS-X-16", Title = "A seqpacket REQUEST to a listening host draws RESPONSE of its type", Needs = VirtioFeatures.Seqpacket)]
    public static void Request_Seqpacket_IsAnsweredInKind(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open(SocketType.Seqpacket);
        CaseContext.Require(flow.Log[0].Header.Type == SocketType.Seqpacket, "wrong-type", "RESPONSE of type seqpacket", flow.Log[0].ToString());
        Exchange.Echo(c, flow, host);
        (Flow fromHost, HostConnection other) = c.OpenFromHost(SocketType.Seqpacket);
        Exchange.Echo(c, fromHost, other);
    }

    [Case("VSC-0610", "B-72", Title = "EOM on a stream and EOR without EOM do no harm", Probe = true, Needs = VirtioFeatures.Seqpacket)]
    public static void Flags_InOddPlaces_DoNoHarm(CaseContext c)
    {
        (Flow stream, HostConnection host) = c.Open();
        byte[] data = c.RandomBytes(20);
        stream.Send(Op.Rw, data, Eom);
        c.Fence();
        bool reset = stream.TryTake([], out Packet? packet) && packet.Op == Op.Rst;
        c.Record("seqpacket.eom_on_stream", reset ? "reset" : "taken");
        (Flow flow, _) = c.Open(SocketType.Seqpacket);
        flow.Send(Op.Rw, data, (uint)SeqpacketFlags.EndOfRecord);
        c.Fence();
        bool alsoReset = flow.TryTake([], out packet) && packet.Op == Op.Rst;
        c.Record("seqpacket.eor_without_eom", alsoReset ? "reset" : "taken");
        host.Dispose();
        c.Fence();
    }
}
