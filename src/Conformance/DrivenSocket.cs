using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance;

/// <summary>Connections between an application in the guest whose driver is judged and the scripted device.</summary>
internal static class DrivenSocket
{
    /// <summary>An established connection that the guest opened, with both ends.</summary>
    /// <param name="bufAlloc">The window that the device gives; null: the usual one.</param>
    public static (GuestSocket Guest, Flow Flow) Open(DriverContext c, SocketType type = SocketType.Stream, uint? bufAlloc = null)
    {
        uint port = c.NewHostPort();
        GuestSocket guest = GuestSocket.Create(c, type);
        Task<GuestResult> connecting = guest.BeginConnect(Cid.Host, port);
        Flow flow = c.Device.ExpectRequest(port, type);
        flow.BufAlloc = bufAlloc ?? flow.BufAlloc;
        flow.Send(Op.Response);
        c.Await(connecting).OrThrow("connect");
        return (guest, flow);
    }

    /// <summary>An established connection that the device opened to a listener of the guest, with both ends.</summary>
    /// <param name="bufAlloc">As for <see cref="Open"/>.</param>
    public static (GuestSocket Guest, Flow Flow) OpenFromDevice(DriverContext c, SocketType type = SocketType.Stream, uint? bufAlloc = null)
    {
        GuestSocket listener = GuestSocket.Create(c, type);
        uint port = listener.Listen();
        Flow flow = c.Device.NewFlow(c.NewHostPort(), port, type);
        flow.BufAlloc = bufAlloc ?? flow.BufAlloc;
        _ = flow.Connect();
        return (listener.Accept(), flow);
    }
}
