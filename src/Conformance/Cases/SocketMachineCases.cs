using Vsockspec.Cases;
using Vsockspec.Peers;

namespace Vsockspec.Conformance.Cases;

/// <summary>Guests as machines: one that loses its power under open connections, one that starts anew, and two at once.</summary>
[Area("sockets", NeedsGuest = true)]
public static class SocketMachineCases
{
    private const int Connections = 10;

    [Case("VSC-1491", "RS-03", Title = "When a guest loses its power, the host's connections to it end, and the guest that boots next is served on the same ports", Slow = true)]
    public static void Guest_LosesPower_ConnectionsEnd_AndTheNextIsServed(CaseContext c)
    {
        using HostListener listener = c.Listen();
        List<(HostConnection Host, uint GuestPort)> old = [];
        for (int i = 0; i < Connections; i++)
        {
            GuestSocket guest = GuestSocket.Create(c);
            guest.Connect(listener.Port).OrThrow("connect");
            HostConnection host = listener.Accept();
            GuestExchange.Echo(c, guest, host);
            old.Add((host, guest.Name().Port));
        }

        c.RebootGuest();
        foreach ((HostConnection host, uint _) in old)
        {
            host.ExpectClosed("connection-survives-guest", "the end of the host application's connection with the guest that it led to");
            host.Dispose();
        }

        foreach ((HostConnection _, uint port) in old)
        {
            GuestSocket guest = GuestSocket.Create(c);
            guest.Bind(port).OrThrow("bind to the port of before");
            guest.Connect(listener.Port).OrThrow("connect from the port of before");
            GuestExchange.Echo(c, guest, listener.Accept());
        }
    }

    [Case(
        "VSC-1493",
        "VS-X-28",
        "RS-03",
        Title = "When a guest starts anew by itself, the host's connections to it end when they are used, and both sides connect again",
        Slow = true)]
    public static void Guest_StartsAnew_ConnectionsEnd_AndBothSidesConnectAgain(CaseContext c)
    {
        c.TakeRestartableGuest();
        using HostListener listener = c.Listen();
        List<(HostConnection Host, uint GuestPort)> old = [];
        for (int i = 0; i < Connections; i++)
        {
            GuestSocket guest = GuestSocket.Create(c);
            guest.Connect(listener.Port).OrThrow("connect");
            HostConnection host = listener.Accept();
            GuestExchange.Echo(c, guest, host);
            old.Add((host, guest.Name().Port));
        }

        c.RestartGuest();

        // A device need not know that it has another kernel before it; that kernel knows none of the connections, and says so when one of them is used.
        foreach ((HostConnection host, uint _) in old)
        {
            _ = host.TrySend(c.RandomBytes(100), out _);
        }

        foreach ((HostConnection host, uint _) in old)
        {
            host.ExpectClosed("connection-survives-guest", "the end of the host application's connection with the kernel that it led to");
            host.Dispose();
        }

        foreach ((HostConnection _, uint port) in old)
        {
            GuestSocket guest = GuestSocket.Create(c);
            guest.Bind(port).OrThrow("bind to the port of before");
            guest.Connect(listener.Port).OrThrow("connect from the port of before");
            GuestExchange.Echo(c, guest, listener.Accept());
        }

        (GuestSocket accepted, HostConnection began) = GuestSocket.OpenFromHost(c);
        GuestExchange.Echo(c, accepted, began);
    }

    [Case("VSC-1492", "VS-X-17", "VS-X-04", Title = "Two guests at once that use the same ports each have their own CID and get their own bytes", Slow = true)]
    public static void TwoGuests_OnTheSamePorts_EachGetTheirOwn(CaseContext c)
    {
        GuestSide second = c.BootSecondGuest();
        uint cid = c.Await(c.Agent.LocalCid()).Value;
        uint secondCid = c.Await(second.Agent.LocalCid()).Value;
        CaseContext.Require(
            cid == c.GuestCid && secondCid == second.GuestCid,
            "wrong-local-cid",
            $"CIDs {c.GuestCid} and {second.GuestCid}, as the devices were given",
            $"{cid} and {secondCid}");

        // The same port in both guests, and the host connects to it in each.
        GuestSocket listening = GuestSocket.Create(c);
        uint port = listening.Listen();
        GuestSocket secondListening = GuestSocket.Create(c, second);
        secondListening.ListenOn(port);
        HostConnection host = c.Host.Connect(port);
        GuestSocket guest = listening.Accept();
        _ = host.ExpectEstablished();
        HostConnection secondHost = second.Host.Connect(port);
        GuestSocket secondGuest = secondListening.Accept();
        _ = secondHost.ExpectEstablished();

        byte[] up = guest.Send(2000);
        byte[] secondUp = secondGuest.Send(2000);
        Exchange.Same(secondHost.ReceiveExactly(secondUp.Length), secondUp, "the second guest to its host application");
        Exchange.Same(host.ReceiveExactly(up.Length), up, "the first guest to its host application");
        host.Send(up);
        secondHost.Send(secondUp);
        Exchange.Same(secondGuest.ReceiveExactly(secondUp.Length), secondUp, "host to the second guest");
        Exchange.Same(guest.ReceiveExactly(up.Length), up, "host to the first guest");

        // One guest's end is not the other's.
        secondHost.Close();
        GuestExchange.Echo(c, guest, host);
    }
}
