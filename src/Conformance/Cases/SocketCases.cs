using System.Net.Sockets;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Wire;
using SocketType = Vsockspec.Wire.SocketType;

namespace Vsockspec.Conformance.Cases;

/// <summary>What applications see at both ends: sockets in a real guest kernel, and host applications behind the target.</summary>
[Area("sockets", NeedsGuest = true)]
public static class SocketCases
{
    [Case("VSC-1401", "VS-X-28", "VS-X-17", Title = "A guest connects to a listening host application, and bytes go both ways")]
    public static void Guest_ConnectsToListener_BytesGoBothWays(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        GuestExchange.Echo(c, guest, host);
    }

    [Case("VSC-1402", "VS-X-28", "VS-X-17", Title = "A host application connects to a listening guest, and bytes go both ways")]
    public static void Host_ConnectsToListener_BytesGoBothWays(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.OpenFromHost(c);
        GuestExchange.Echo(c, guest, host);
        VsockAddress peer = guest.Peer();
        CaseContext.Require(peer.Cid == Cid.Host, "wrong-peer-cid", "the host's CID 2 at the guest's accepted socket", $"{peer.Cid}");
    }

    [Case("VSC-1403", "VS-X-29", Title = "A connect to a port where nobody listens fails with ECONNRESET")]
    public static void Guest_ConnectsToNobody_IsReset(CaseContext c)
    {
        GuestResult result = GuestSocket.Create(c).Connect(c.NewHostPort());
        CaseContext.Require(result.Errno == GuestErrno.ConnectionReset, "no-connection-reset", "ECONNRESET (104)", result.ToString());
    }

    [Case("VSC-1404", "VS-X-31", Title = "When the guest shuts down writing, the host reads to the end and can still write")]
    public static void GuestShutsDownWrite_HostReadsToTheEnd_CanStillWrite(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        byte[] data = guest.Send(5000);
        guest.Shutdown(SocketShutdown.Send).OrThrow("shutdown");
        Exchange.Same(host.ReceiveExactly(data.Length), data, "guest to host before the half-close");
        host.ExpectEndOfFile();
        host.Send(data);
        Exchange.Same(guest.ReceiveExactly(data.Length), data, "host to guest after the half-close");
    }

    [Case("VSC-1405", "VS-X-31", Title = "When the host shuts down writing, the guest reads to the end and can still write")]
    public static void HostShutsDownWrite_GuestReadsToTheEnd_CanStillWrite(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        byte[] data = c.RandomBytes(5000);
        host.Send(data);
        host.Shutdown(SocketShutdown.Send);
        Exchange.Same(guest.ReceiveExactly(data.Length), data, "host to guest before the half-close");
        guest.ExpectEndOfFile();
        byte[] outward = guest.Send(5000);
        Exchange.Same(host.ReceiveExactly(outward.Length), outward, "guest to host after the half-close");
    }

    [Case("VSC-1406", "VS-X-34", Title = "When the guest closes, the host reads all data and then the end")]
    public static void GuestCloses_HostReadsAllAndTheEnd(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        byte[] data = guest.Send(30_000);
        guest.Close().OrThrow("close");
        Exchange.Same(host.ReceiveExactly(data.Length), data, "guest to host before the close");
        host.ExpectClosed("no-end", "the end of the connection after all data");
    }

    [Case("VSC-1407", "VS-X-34", Title = "When the host closes, the guest reads all data and then the end, not a reset")]
    public static void HostCloses_GuestReadsAllAndTheEnd(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        byte[] data = c.RandomBytes(30_000);
        host.Send(data);
        host.ExpectAllTaken();
        host.Close();
        Exchange.Same(guest.ReceiveExactly(data.Length), data, "host to guest before the close");
        guest.ExpectEndOfFile();
    }

    [Case("VSC-1408", "VS-X-17", "VS-X-23", Title = "Three megabytes each way at once arrive whole", Slow = true)]
    public static void BothDirections_AtOnce_ArriveWhole(CaseContext c)
    {
        const int Total = 3_000_000;
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        byte[] down = new byte[Total];
        SeedStream.Fill(c.Seed, 0, down);
        byte[] up = new byte[Total];
        SeedStream.Fill(c.Seed + 1, 0, up);
        Task<GuestTransfer> receiving = guest.BulkReceive(c.Seed, Total);
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed + 1, Total);
        host.Send(down);
        Exchange.Same(host.ReceiveExactly(Total), up, "guest to host");
        GuestTransfer sent = c.Await(sending);
        CaseContext.Require(sent.Result.Value == Total, "guest-cannot-send", $"{Total} bytes taken from the guest's application", sent.Result.ToString());
        GuestTransfer received = c.Await(receiving);
        CaseContext.Require(
            received.Result.Value == Total && received.FirstDifference < 0,
            "wrong-data",
            $"the {Total} bytes that the host wrote",
            $"{received.Result}, first difference at {received.FirstDifference}");
    }

    [Case("VSC-1409", "VS-X-15", Title = "A hundred connections at once each carry their own bytes")]
    public static void ManyConnections_AtOnce_EachItsOwnBytes(CaseContext c)
    {
        const int Count = 100;
        using HostListener listener = c.Listen();
        List<(GuestSocket Guest, HostConnection Host, byte[] Down)> all = [];
        for (int i = 0; i < Count; i++)
        {
            GuestSocket guest = GuestSocket.Create(c);
            guest.Connect(listener.Port).OrThrow("connect");
            all.Add((guest, listener.Accept(), c.RandomBytes(50)));
        }

        List<byte[]> up = [];
        foreach ((GuestSocket guest, HostConnection host, byte[] down) in all)
        {
            up.Add(guest.Send(50));
            host.Send(down);
        }

        foreach (((GuestSocket guest, HostConnection host, byte[] down), byte[] sent) in all.Zip(up))
        {
            Exchange.Same(host.ReceiveExactly(sent.Length), sent, "guest to host on one of many");
            Exchange.Same(guest.ReceiveExactly(down.Length), down, "host to guest on one of many");
        }
    }

    [Case("VSC-1410", "VS-CRED-DEV-1", Title = "A guest socket with a small buffer never holds more than that, whatever the host writes")]
    public static void GuestBuffer_Small_IsNeverOverrun(CaseContext c)
    {
        const uint Size = 8 * 1024;
        HostListener listener = c.Listen();
        GuestSocket guest = GuestSocket.Create(c);
        guest.SetBuffer(Size);
        guest.Connect(listener.Port).OrThrow("connect");
        HostConnection host = listener.Accept();
        byte[] data = c.RandomBytes(200_000);
        host.Send(data);
        CaseContext.Require(c.Eventually(() => guest.Waiting() > 0), "guest-data-missing", "data reaches the guest", "none");
        Exchange.Same(guest.ReceiveExactly(data.Length), data, "host to guest through a small buffer");
    }

    [Case("VSC-1411", "VS-X-23", "VS-CRED-DEV-2", Title = "A guest that writes far more than the host application reads is held up, and goes on when it reads")]
    public static void GuestWrites_HostSleeps_TransferResumes(CaseContext c)
    {
        const int Total = 4_000_000;
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed, Total);
        byte[] first = host.ReceiveExactly(1);
        byte[] expected = new byte[Total];
        SeedStream.Fill(c.Seed, 0, expected);
        byte[] rest = host.ReceiveExactly(Total - 1);
        Exchange.Same((byte[])[.. first, .. rest], expected, "guest to host");
        CaseContext.Require(c.Await(sending).Result.Value == Total, "guest-cannot-send", $"{Total} bytes taken from the guest's application", "fewer");
    }

    [Case("VSC-1412", "VS-X-37", "VS-X-38", Title = "Seqpacket messages of all sizes keep their boundaries both ways", Needs = VirtioFeatures.Seqpacket)]
    public static void Messages_OfAllSizes_KeepTheirBoundaries(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, SocketType.Seqpacket);
        foreach (int size in (ReadOnlySpan<int>)[1, 43, 1000, 16_000, 30_000])
        {
            byte[] data = guest.Send(size);
            Exchange.Same(host.ReceiveMessage(), data, $"guest to host, a message of {size} bytes");
            host.Send(data);
            GuestReceived message = guest.Receive(32 * 1024);
            CaseContext.Require(
                message.Result.Value == size,
                "wrong-boundary",
                $"one message of {size} bytes at the guest's application",
                message.Result.ToString());
            Exchange.Same(message.Data, data, $"host to guest, a message of {size} bytes");
        }
    }

    [Case("VSC-1413", "VS-X-36", Title = "A guest that connects again from the same port is served every time")]
    public static void SamePort_UsedAgain_IsServed(CaseContext c)
    {
        using HostListener listener = c.Listen();
        VsockAddress? own = null;
        for (int i = 0; i < 10; i++)
        {
            GuestSocket guest = GuestSocket.Create(c);
            if (own is { } address)
            {
                c.Await(c.Agent.Bind(guest.Fd, address)).OrThrow("bind to the port of before");
            }

            guest.Connect(listener.Port).OrThrow("connect");
            own ??= guest.Name() with { Cid = (uint)Cid.Any32 };
            HostConnection host = listener.Accept();
            GuestExchange.Echo(c, guest, host);
            host.Close();
            guest.ExpectEndOfFile();
            guest.Close().OrThrow("close");
        }
    }

    [Case("VSC-1414", "VS-X-04", Title = "The guest's CID is the one that the device was given, in the kernel and in every address")]
    public static void GuestCid_IsTheOneGiven(CaseContext c)
    {
        uint cid = c.Await(c.Agent.LocalCid()).Value;
        CaseContext.Require(cid == c.GuestCid, "wrong-local-cid", $"CID {c.GuestCid} from the device's configuration", $"{cid}");
        (GuestSocket guest, HostConnection _) = GuestSocket.Open(c);
        CaseContext.Require(guest.Peer().Cid == Cid.Host, "wrong-peer-cid", "the host's CID 2 as the socket's peer", $"{guest.Peer().Cid}");
    }

    [Case("VSC-1415", "VS-X-28", Title = "A connect that does not wait is under way, then writable, without an error")]
    public static void Connect_NonBlocking_CompletesInTheBackground(CaseContext c)
    {
        HostListener listener = c.Listen();
        GuestSocket guest = GuestSocket.Create(c, nonBlocking: true);
        GuestResult result = guest.Connect(listener.Port);
        CaseContext.Require(result.Succeeded || result.Errno == GuestErrno.InProgress, "connect-refused", "EINPROGRESS (115), or done at once", result.ToString());
        PollEvents ready = guest.Poll(PollEvents.Writable);
        CaseContext.Require(ready.HasFlag(PollEvents.Writable), "not-writable", "the socket becomes writable", ready.ToString());
        int error = guest.TakeError();
        CaseContext.Require(error == 0, "connect-failed", "SO_ERROR 0", ErrnoException.Describe(error));
        _ = listener.Accept();
    }

    [Case("VSC-1416", "VS-X-31", Title = "poll in the guest tells POLLRDHUP when the host shuts down writing")]
    public static void HostShutsDownWrite_GuestPolls_IsTold(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        host.Shutdown(SocketShutdown.Send);
        PollEvents ready = guest.Poll(PollEvents.PeerClosed);
        CaseContext.Require(ready.HasFlag(PollEvents.PeerClosed), "half-close-not-told", "POLLRDHUP", ready.ToString());
    }
}
