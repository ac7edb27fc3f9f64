using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance;

/// <summary>Data and credit between an application in the guest whose driver is judged and the scripted device.</summary>
internal static class DrivenTransfer
{
    private const int EchoBytes = 3000;

    /// <summary>An established connection that the guest opened, whose end in the guest has a buffer of a given size.</summary>
    /// <param name="bufAlloc">As for <see cref="DrivenSocket.Open"/>.</param>
    public static (GuestSocket Guest, Flow Flow) OpenWith(DriverContext c, ulong buffer, SocketType type = SocketType.Stream, uint? bufAlloc = null)
    {
        uint port = c.NewHostPort();
        GuestSocket guest = GuestSocket.Create(c, type);
        guest.SetBuffer(buffer);
        Task<GuestResult> connecting = guest.BeginConnect(Cid.Host, port);
        Flow flow = c.Device.ExpectRequest(port, type);
        flow.BufAlloc = bufAlloc ?? flow.BufAlloc;
        flow.Send(Op.Response);
        c.Await(connecting).OrThrow("connect");
        return (guest, flow);
    }

    /// <summary>A fresh connection works: whatever the case did to others before, the driver has come through it.</summary>
    public static void OnFreshConnection(DriverContext c, SocketType type = SocketType.Stream)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, type);
        GuestFlow.Echo(c, guest, flow);
    }

    /// <summary>The guest sends bytes of the case's seed without waiting for room; the number that were taken.</summary>
    public static int SendNow(DriverContext c, GuestSocket guest, int count, int place = 0) =>
        (int)c.Await(c.Agent.BulkSend(guest.Fd, c.Seed, (ulong)count, place: (ulong)place, flags: GuestMessage.DontWait)).Result.Value;

    /// <summary>
    /// Receives what has come of a seed's stream, without waiting, and compares it; the number of bytes, and how the last call ended.
    /// </summary>
    public static (int Count, GuestResult End) ReceiveNow(DriverContext c, GuestSocket guest, ulong seed, int place = 0)
    {
        const int Piece = 64 * 1024;
        int count = 0;
        while (true)
        {
            GuestReceived part = c.Await(c.Agent.ReceiveSeeded(guest.Fd, seed, (ulong)(place + count), [Piece], GuestMessage.DontWait));
            if (part.Result.Value <= 0)
            {
                return (count, part.Result);
            }

            DriverContext.Require(
                part.FirstDifference < 0,
                "wrong-data",
                "the bytes that the device sent, in their order",
                $"byte {place + count + part.FirstDifference} is another");
            count += (int)part.Result.Value;
        }
    }

    /// <summary>Sends one message within the driver's credit, in pieces of at most so many bytes; the last one ends it.</summary>
    /// <param name="flags">Of the last piece.</param>
    /// <param name="between">Called after each piece but the last.</param>
    public static void SendMessage(
        DriverContext c, Flow flow, ReadOnlySpan<byte> message, int piece, SeqpacketFlags flags = SeqpacketFlags.EndOfMessage, Action? between = null)
    {
        for (int at = 0; at < message.Length;)
        {
            int n = Math.Min(piece, message.Length - at);
            if (flow.PeerFree < n)
            {
                flow.Send(Op.CreditRequest);
                DriverContext.Require(
                    c.Eventually(() => flow.PeerFree >= n),
                    "no-credit",
                    $"credit for {n} bytes in answer to CREDIT_REQUEST, everything before having been read",
                    $"buf_alloc={flow.PeerBufAlloc} fwd_cnt={flow.PeerFwdCnt} sent={flow.TxCnt}");
            }

            bool isLast = at + n == message.Length;
            flow.Send(Op.Rw, message.Slice(at, n), isLast ? (uint)flags : 0);
            at += n;
            if (!isLast)
            {
                between?.Invoke();
            }
        }
    }

    /// <summary>Sends a seed's bytes until the driver has no room left; the number sent.</summary>
    public static int FillWindow(DriverContext c, Flow flow, ulong seed)
    {
        int count = (int)Math.Min(flow.PeerFree, 1 << 20);
        flow.Write(GuestSocket.Seeded(seed, count));
        return count;
    }

    /// <summary>Everything that the driver sent on the flow.</summary>
    public static byte[] Payload(Flow flow)
    {
        using MemoryStream all = new();
        foreach (Packet packet in flow.Log.Where(p => p.Op == Op.Rw))
        {
            all.Write(packet.Payload);
        }

        return all.ToArray();
    }

    /// <summary>Waits for so many bytes from the driver, in all.</summary>
    public static void Arrived(DriverContext c, Flow flow, uint total) => DriverContext.Require(
        c.Eventually(() => flow.RxCnt >= total),
        "data-missing",
        $"{total} bytes, which the window allows",
        $"{flow.RxCnt} bytes within {c.Timeline.Patience.TotalSeconds:0.###} s");

    /// <summary>Waits for what the window allows, then fences to see that no more comes.</summary>
    public static void ExpectExactly(DriverContext c, Flow flow, uint total)
    {
        Arrived(c, flow, total);
        c.Fence();
        DriverContext.Require(flow.RxCnt == total, "sends-without-credit", $"{total} bytes, which the window allows", $"{flow.RxCnt} bytes");
    }

    /// <summary>Asks until the driver has counted what the application took.</summary>
    public static void ExpectFwdCnt(DriverContext c, Flow flow, uint expected)
    {
        const int Tries = 20;
        bool reached = false;
        for (int i = 0; !reached && i < Tries; i++)
        {
            AskForCredit(c, flow);
            reached = flow.PeerFwdCnt == expected;
        }

        DriverContext.Require(reached, "fwd-cnt-wrong", $"fwd_cnt {expected}: the bytes that the application has read", $"{flow.PeerFwdCnt}");
    }

    /// <summary>CREDIT_REQUEST, and the newest CREDIT_UPDATE that there is when it has been answered.</summary>
    public static Packet AskForCredit(DriverContext c, Flow flow)
    {
        int before = flow.Log.Count;
        flow.Send(Op.CreditRequest);
        DriverContext.Require(
            c.Eventually(() => flow.Log.Skip(before).Any(p => p.Op == Op.CreditUpdate)),
            "no-credit-update",
            $"CREDIT_UPDATE in answer to CREDIT_REQUEST on {flow.Id}",
            $"none within {c.Timeline.Patience.TotalSeconds:0.###} s");
        c.Fence();
        return flow.Log.Last(p => p.Op == Op.CreditUpdate);
    }

    /// <summary>Notes when the device had to ask for the credit that reading had made.</summary>
    public static void DiscourageAsking(DriverContext c, Flow flow) => c.Discourage(
        flow.TimesAsked > 0, "credit-untold", "credit is told once the guest's application has read, before the sender stalls", $"it was told only when asked, {flow.TimesAsked} times");
}
