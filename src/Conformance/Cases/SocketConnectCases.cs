using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>How connections begin, fail to, and are refused, as applications see it.</summary>
[Area("sockets", NeedsGuest = true)]
public static class SocketConnectCases
{
    /// <summary>No guest and no host has it.</summary>
    private const uint StrangerCid = 0x4000_0000;

    /// <summary>How long a connect may take that nobody answers.</summary>
    private static readonly TimeSpan ShortConnect = TimeSpan.FromMilliseconds(50);

    [Case("VSC-1417", "VS-X-33", Title = "A host application that connects to a guest port which is bound but does not listen is refused")]
    public static void Host_ConnectsToBoundPort_IsRefused(CaseContext c)
    {
        GuestSocket bound = GuestSocket.Create(c);
        bound.Bind((uint)Cid.Any32).OrThrow("bind");
        ExpectRefused(c.Host.Connect(bound.Name().Port));
    }

    [Case("VSC-1418", "VS-X-33", Title = "A host application that connects to a guest port which nobody has is refused")]
    public static void Host_ConnectsToNobody_IsRefused(CaseContext c)
    {
        GuestSocket gone = GuestSocket.Create(c);
        gone.Bind((uint)Cid.Any32).OrThrow("bind");
        uint port = gone.Name().Port;
        gone.Close().OrThrow("close");
        ExpectRefused(c.Host.Connect(port));
    }

    [Case("VSC-1419", "VS-X-36", "VS-X-29", Title = "A socket whose connect was refused connects to the same port as soon as somebody listens")]
    public static void Guest_RefusedThenListener_Connects(CaseContext c)
    {
        uint port = c.NewHostPort();
        GuestSocket guest = GuestSocket.Create(c);
        GuestResult refused = guest.Connect(port);
        CaseContext.Require(refused.Errno == GuestErrno.ConnectionReset, "no-connection-reset", "ECONNRESET (104)", refused.ToString());

        // Some kernels give the old error once more to whoever has not taken it.
        _ = guest.TakeError();
        using HostListener listener = c.Host.Listen(port);
        GuestResult result = guest.Connect(port);
        CaseContext.Require(result.Succeeded, "connect-refused", "the second connect succeeds", result.ToString());
        GuestExchange.Echo(c, guest, listener.Accept());
    }

    [Case("VSC-1420", "VS-X-34", Title = "A port whose connection the guest closed is free again when the device has answered, which does not take long")]
    public static void SamePort_GuestClosesFirst_IsFreeSoon(CaseContext c)
    {
        using HostListener listener = c.Listen();
        uint port = (uint)Cid.Any32;
        for (int i = 0; i < 3; i++)
        {
            // The guest's kernel keeps the port until the device's RST, or for eight seconds.
            GuestSocket guest = GuestSocket.Create(c);
            CaseContext.Require(
                c.Eventually(() => guest.Bind(port).Succeeded),
                "port-not-freed",
                $"port {port} can be bound again after its connection was closed",
                $"still taken after {c.Timeline.Patience.TotalSeconds:0.###} s");
            guest.Connect(listener.Port).OrThrow("connect");
            port = guest.Name().Port;
            HostConnection host = listener.Accept();
            GuestExchange.Echo(c, guest, host);
            guest.Close().OrThrow("close");
            host.ExpectClosed("no-end", "the end of the connection that the guest closed");
            host.Close();
        }
    }

    [Case("VSC-1421", "VS-X-33", "VS-X-30", Title = "When the backlog of a listening guest is full, host applications are refused, and room is used again")]
    public static void GuestBacklog_Full_HostIsRefused(CaseContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen(backlog: 2);
        List<HostConnection> established = [];
        int refused = 0;
        for (int i = 0; i < 8; i++)
        {
            HostConnection host = c.Host.Connect(port);
            switch (host.Settle())
            {
                case HostOutcome.Established:
                    established.Add(host);
                    break;
                case HostOutcome.Refused:
                    refused++;
                    break;
                default:
                    CaseContext.Require(false, "connect-undecided", "the connection is established or refused", "neither");
                    break;
            }
        }

        c.Record("guest.backlog.2.established", established.Count);
        CaseContext.Require(
            established.Count > 0 && refused > 0,
            "backlog-not-felt",
            "with a backlog of 2 some of 8 connections are established and the others refused",
            $"{established.Count} established, {refused} refused");
        foreach (HostConnection host in established)
        {
            GuestExchange.Echo(c, listener.Accept(), host);
        }

        HostConnection last = c.Host.Connect(port);
        GuestSocket accepted = listener.Accept();
        _ = last.ExpectEstablished();
        GuestExchange.Echo(c, accepted, last);
    }

    [Case("VSC-1422", "VS-X-30", "B-13", Title = "When the backlog of a listening host application is full, guests are refused or wait in it, and room is used again")]
    public static void HostBacklog_Full_GuestIsRefused(CaseContext c)
    {
        using HostListener listener = c.Listen(backlog: 1);
        List<GuestSocket> established = [];
        for (int i = 0; i < 8; i++)
        {
            GuestSocket guest = GuestSocket.Create(c);
            GuestResult result = guest.Connect(listener.Port);
            CaseContext.Require(
                result.Succeeded || result.Errno == GuestErrno.ConnectionReset, "connect-undecided", "the connect succeeds, or ECONNRESET (104)", result.ToString());
            if (result.Succeeded)
            {
                established.Add(guest);
            }
        }

        c.Record("host.backlog.1.established", established.Count);
        CaseContext.Require(established.Count > 0, "backlog-useless", "some connection is established", "all were refused");
        foreach (GuestSocket guest in established)
        {
            GuestExchange.Echo(c, guest, listener.Accept());
        }

        GuestSocket last = GuestSocket.Create(c);
        last.Connect(listener.Port).OrThrow("connect");
        GuestExchange.Echo(c, last, listener.Accept());
    }

    [Case("VSC-1425", "VS-X-29", Title = "A connect that does not wait and is refused ends with ECONNRESET in SO_ERROR")]
    public static void Connect_NonBlockingToNobody_EndsWithReset(CaseContext c)
    {
        GuestSocket guest = GuestSocket.Create(c, nonBlocking: true);
        GuestResult result = guest.Connect(c.NewHostPort());
        int error = result.Errno;
        if (error == GuestErrno.InProgress)
        {
            PollEvents ready = guest.Poll(PollEvents.Writable);
            CaseContext.Require(ready != PollEvents.None, "connect-undecided", "poll tells that the connect ended", "nothing");
            error = guest.TakeError();
        }

        CaseContext.Require(error == GuestErrno.ConnectionReset, "no-connection-reset", "ECONNRESET (104)", ErrnoException.Describe(error));
    }

    [Case("VSC-1426", "VS-X-29", "VS-X-16", Title = "A stream socket is not connected to a port where a seqpacket application listens", Needs = VirtioFeatures.Seqpacket)]
    public static void Guest_ConnectsToOtherType_IsReset(CaseContext c)
    {
        using HostListener listener = c.Listen(Wire.SocketType.Seqpacket);
        GuestResult result = GuestSocket.Create(c).Connect(listener.Port);
        CaseContext.Require(result.Errno == GuestErrno.ConnectionReset, "no-connection-reset", "ECONNRESET (104)", result.ToString());
    }

    [Case("VSC-1427", "B-33", "B-71", Title = "Connects to CIDs that are not the host's, the guest's own among them, do no harm", Probe = true)]
    public static void Guest_ConnectsToOtherCids_DoesNoHarm(CaseContext c)
    {
        using HostListener listener = c.Listen();
        foreach ((string name, ulong cid) in (ReadOnlySpan<(string, ulong)>)
            [("hypervisor", Cid.Hypervisor), ("local", Cid.Local), ("any", Cid.Any32), ("own", c.GuestCid), ("stranger", StrangerCid)])
        {
            GuestSocket guest = GuestSocket.Create(c);
            guest.SetConnectTimeout(ShortConnect);
            GuestResult result = guest.Connect(cid, listener.Port);
            c.Record($"connect.cid.{name}", result.Succeeded ? "connected" : ErrnoException.Describe(result.Errno));
        }

        GuestExchange.OnFreshConnection(c);
    }

    [Case("VSC-1428", "VS-X-28", "B-33", Title = "Connects that are interrupted, to one CID and another by turns, leave a socket that still connects")]
    public static void Connect_Interrupted_SocketConnectsAgain(CaseContext c)
    {
        using HostListener listener = c.Listen();
        GuestSocket guest = GuestSocket.Create(c);
        guest.SetConnectTimeout(ShortConnect);
        for (int i = 0; i < 20; i++)
        {
            using CancellationTokenSource interrupt = new();
            Task<GuestResult> connect = guest.BeginConnect(i % 2 == 0 ? StrangerCid : Cid.Hypervisor, listener.Port, interrupt.Token);
            interrupt.Cancel();
            if (c.Await(connect).Succeeded)
            {
                CaseContext.NotApplicable("the device connects CIDs that nobody has");
            }
        }

        GuestResult last = guest.Connect(listener.Port);
        CaseContext.Require(last.Succeeded, "connect-refused", "the socket connects to the host", last.ToString());
        GuestExchange.Echo(c, guest, listener.Accept());
    }

    [Case("VSC-1429", "VS-X-33", Title = "Host applications in the backlog of a guest that stops listening see the end, each of them")]
    public static void GuestListener_ClosedWithBacklog_HostsSeeTheEnd(CaseContext c)
    {
        uint port = (uint)Cid.Any32;
        for (int round = 0; round < 15; round++)
        {
            GuestSocket listener = GuestSocket.Create(c);
            listener.Bind(port).OrThrow("bind");
            c.Await(c.Agent.Listen(listener.Fd, 16)).OrThrow("listen");
            port = listener.Name().Port;
            HostConnection[] hosts = [c.Host.Connect(port), c.Host.Connect(port), c.Host.Connect(port)];

            // In every other round they are surely in the backlog; otherwise the close may come first, and refuses them.
            foreach (HostConnection host in hosts.Where(_ => round % 2 == 0))
            {
                _ = host.ExpectEstablished();
            }

            listener.Close().OrThrow("close");
            foreach (HostConnection host in hosts)
            {
                host.ExpectClosed("no-end", "the end of a connection to a guest that listens no more");
            }
        }

        GuestExchange.OnFreshConnection(c);
    }

    [Case("VSC-1430", "VS-X-04", "VS-X-28", Title = "A guest that binds to the CID that the device gave it is reached there")]
    public static void Guest_BindsToOwnCid_IsReached(CaseContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        GuestResult bound = listener.Bind((uint)Cid.Any32, c.GuestCid);
        CaseContext.Require(bound.Succeeded, "wrong-local-cid", $"the guest can bind to CID {c.GuestCid} from the device's configuration", bound.ToString());
        c.Await(c.Agent.Listen(listener.Fd, 1)).OrThrow("listen");
        GuestResult other = GuestSocket.Create(c).Bind((uint)Cid.Any32, c.GuestCid + 1);
        c.Record("bind.cid.other", other.Succeeded ? "bound" : ErrnoException.Describe(other.Errno));
        HostConnection host = c.Host.Connect(listener.Name().Port);
        GuestSocket accepted = listener.Accept();
        _ = host.ExpectEstablished();
        GuestExchange.Echo(c, accepted, host);
        CaseContext.Require(accepted.Name().Cid == c.GuestCid, "wrong-local-cid", $"the accepted socket's own CID is {c.GuestCid}", $"{accepted.Name().Cid}");
    }

    [Case("VSC-1431", "VS-X-28", "B-33", Title = "A socket whose connect was answered by nobody in its time connects when somebody does")]
    public static void Connect_TimedOut_SocketConnectsAgain(CaseContext c)
    {
        using HostListener listener = c.Listen();
        GuestSocket guest = GuestSocket.Create(c);
        guest.SetConnectTimeout(ShortConnect);
        GuestResult unanswered = guest.Connect(StrangerCid, listener.Port);
        c.Record("connect.unanswered", unanswered.ToString());
        if (unanswered.Errno != GuestErrno.TimedOut)
        {
            CaseContext.NotApplicable($"a connect to CID {StrangerCid} is answered: {unanswered}");
        }

        guest.SetConnectTimeout(c.Timeline.Patience);
        GuestResult result = guest.Connect(listener.Port);
        CaseContext.Require(result.Succeeded, "connect-refused", "the second connect succeeds", result.ToString());
        GuestExchange.Echo(c, guest, listener.Accept());
    }

    [Case("VSC-1432", "VS-X-33", "VS-X-36", Title = "A guest that gives up while its connect is under way leaves no host connection behind")]
    public static void Guest_ClosesWhileConnecting_HostSeesTheEnd(CaseContext c)
    {
        using HostListener listener = c.Listen();
        for (int i = 0; i < 20; i++)
        {
            GuestSocket guest = GuestSocket.Create(c, nonBlocking: true);
            Task<GuestResult> connect = guest.BeginConnect(Cid.Host, listener.Port);
            Task<GuestResult> close = c.Agent.Close(guest.Fd);
            GuestResult result = c.Await(connect);
            _ = c.Await(close);
            if (result.Succeeded || result.Errno == GuestErrno.InProgress)
            {
                listener.Accept().ExpectClosed("no-end", "the end of a connection that the guest gave up");
            }
        }
    }

    private static void ExpectRefused(HostConnection host)
    {
        HostOutcome outcome = host.Settle();
        CaseContext.Require(outcome == HostOutcome.Refused, "connect-not-refused", "the host application's connection ends without having been established", outcome.ToString());
    }
}
