using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>How a driver opens connections, and how it answers a device that does.</summary>
[Area("driver-handshake")]
public static class DriverHandshakeCases
{
    [Case("VSC-2001", "VS-X-28", Title = "A device's REQUEST to a listening guest port is answered with one RESPONSE, and the application accepts one connection", Vary = Vary.Rings)]
    public static void Request_ToListener_GetsOneResponse(DriverContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        Flow flow = c.Device.NewFlow(c.NewHostPort(), port);
        Packet response = flow.Connect();
        c.Fence();
        flow.ExpectNothingMore("answered-twice", "exactly one RESPONSE");
        DriverContext.Require(response.Header is { Len: 0, Type: SocketType.Stream, BufAlloc: > 0 }, "response-wrong", "RESPONSE with len 0, type 1 and buf_alloc > 0", response.ToString());
        _ = listener.Accept();
    }

    [Case("VSC-2002", "VS-X-29", Title = "A device's REQUEST to a guest port at which nobody listens is answered with RST", Vary = Vary.Rings)]
    public static void Request_ToNobody_GetsReset(DriverContext c)
    {
        Flow flow = c.Device.NewFlow(c.NewHostPort(), c.NewGuestPort());
        flow.Send(Op.Request);
        _ = flow.Expect("no-reset", Op.Rst);
        c.Fence();
        flow.ExpectNothingMore("answered-twice", "exactly one RST");
    }
}
