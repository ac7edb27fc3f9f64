using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>REQUEST, RESPONSE and their refusals (virtio 1.4 section 5.10.6.5).</summary>
[Area("handshake")]
public static class HandshakeCases
{
    [Case("VSC-0101", "VS-X-28", Title = "REQUEST to a listening host port draws exactly one RESPONSE with the ends swapped", Vary = Vary.Rings)]
    public static void Request_ToListener_IsAnsweredByOneResponse(CaseContext c)
    {
        using HostListener listener = c.Listen();
        Flow flow = c.Driver.NewFlow(listener.Port);

        flow.Send(Op.Request);
        VsockHeader response = flow.Expect("no-response", Op.Response).Header;
        using HostConnection host = listener.Accept();
        c.Fence();

        CaseContext.Require(response.Len == 0, "response-with-payload", "RESPONSE with len 0", response.ToString());
        CaseContext.Require(response.Type == SocketType.Stream, "wrong-type", "RESPONSE of the type of the REQUEST", response.ToString());
        CaseContext.Require(response.BufAlloc > 0, "no-window", "RESPONSE with buf_alloc above 0", response.ToString());
        flow.ExpectNothingMore("second-answer", "exactly one answer to the REQUEST");
        CaseContext.Require(listener.TryAccept() is null, "second-accept", "one connection at the host application", "a second connection");
    }

    [Case("VSC-0102", "VS-X-29", "B-01", Title = "REQUEST to a port on which nobody listens draws RST", Vary = Vary.Rings)]
    public static void Request_ToClosedPort_IsAnsweredByRst(CaseContext c)
    {
        Flow flow = c.Driver.NewFlow(c.NewHostPort());

        flow.Send(Op.Request);
        flow.Expect("no-rst", Op.Rst);

        c.Fence();
        flow.ExpectNothingMore("answer-after-rst", "nothing after RST");
    }

    [Case("VSC-0103", "VS-X-28", Title = "A host connection reaches the guest as REQUEST and is established by RESPONSE", Vary = Vary.Layouts)]
    public static void HostConnect_AnsweredByResponse_IsEstablished(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.OpenFromHost();

        VsockHeader request = flow.Log[0].Header;
        CaseContext.Require(request.SrcCid == Cid.Host && request.DstCid == c.GuestCid, "wrong-cid", "REQUEST from CID 2 to the guest's CID", request.ToString());
        CaseContext.Require(request.Len == 0 && request.Type == SocketType.Stream, "bad-request", "REQUEST of type stream with len 0", request.ToString());

        byte[] data = c.RandomBytes(100);
        host.Send(data);
        CaseContext.Require(flow.Read(100).AsSpan().SequenceEqual(data), "wrong-data", "the host's bytes", "other bytes");
        flow.Write(data);
        CaseContext.Require(host.ReceiveExactly(100).AsSpan().SequenceEqual(data), "wrong-data", "the guest's bytes", "other bytes");
    }
}
