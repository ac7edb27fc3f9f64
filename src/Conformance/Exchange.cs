using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance;

/// <summary>The shortest proof that a session works: bytes both ways on a fresh flow.</summary>
internal static class Exchange
{
    private const int Bytes = 100;

    /// <summary>Opens a flow in the running session, sends random bytes each way and compares them.</summary>
    public static void Echo(CaseContext c, SocketType type = SocketType.Stream)
    {
        (Flow flow, HostConnection host) = c.Open(type);
        Echo(c, flow, host);
        host.Dispose();
    }

    /// <summary>The same on an established flow.</summary>
    public static void Echo(CaseContext c, Flow flow, HostConnection host)
    {
        byte[] data = c.RandomBytes(Bytes);
        if (flow.Id.Type == SocketType.Seqpacket)
        {
            flow.Send(Op.Rw, data, (uint)SeqpacketFlags.EndOfMessage);
            Same(host.ReceiveMessage(), data, "guest to host");
            host.Send(data);
            Same(flow.ReadMessage().Data, data, "host to guest");
            return;
        }

        flow.Write(data);
        Same(host.ReceiveExactly(Bytes), data, "guest to host");
        host.Send(data);
        Same(flow.Read(Bytes), data, "host to guest");
    }

    /// <summary>Sends until the device gives no more credit, the host application not reading; returns what was sent.</summary>
    public static byte[] FillWindow(CaseContext c, Flow flow)
    {
        // A host socket of any size fills before this; what it took counts as received and gives credit again.
        const int Limit = 16 << 20;
        List<byte> sent = [];
        while (flow.PeerFree > 0 && sent.Count < Limit)
        {
            byte[] piece = c.RandomBytes((int)Math.Min(flow.PeerFree, 32 * 1024));
            flow.Send(Op.Rw, piece);
            sent.AddRange(piece);
            c.Fence();
        }

        return [.. sent];
    }

    /// <summary>Fails the case unless the bytes are those that were sent.</summary>
    public static void Same(ReadOnlySpan<byte> seen, ReadOnlySpan<byte> sent, string direction)
    {
        int at = seen.CommonPrefixLength(sent);
        CaseContext.Require(
            at == sent.Length && at == seen.Length,
            "wrong-data",
            $"the {sent.Length} bytes sent, {direction}",
            $"{seen.Length} bytes, which differ from byte {at}");
    }
}
