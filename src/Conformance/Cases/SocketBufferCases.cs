using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;

namespace Vsockspec.Conformance.Cases;

/// <summary>The buffers of sockets and what applications notice of the credit that follows from them.</summary>
[Area("sockets", NeedsGuest = true)]
public static class SocketBufferCases
{
    private const int Small = 8 * 1024;
    private const int Medium = 64 * 1024;
    private const int Large = 128 * 1024;

    [Case("VSC-1455", "VS-X-23", "VS-X-21", Title = "POLLOUT goes when the host application does not read, and comes back when it does; what is on its way is recorded")]
    public static void HostSleeps_GuestPolls_IsToldWhenItCanWrite(CaseContext c)
    {
        (GuestSocket canary, HostConnection canaryHost) = GuestSocket.Open(c);
        foreach (int buffer in (ReadOnlySpan<int>)[Medium, 4 * Medium])
        {
            using HostListener listener = c.Listen();
            GuestSocket guest = GuestSocket.Create(c);
            guest.SetBuffer((ulong)buffer);
            guest.Connect(listener.Port).OrThrow("connect");
            HostConnection host = listener.Accept();
            int total = guest.SendUntilHeldUp(c.Seed, Medium, () => GuestExchange.Echo(c, canary, canaryHost));
            c.Record($"in_flight.guest_buffer.{buffer}", total);
            Exchange.Same(host.ReceiveExactly(total), GuestSocket.Seeded(c.Seed, total), "guest to host");
            PollEvents free = guest.Poll(PollEvents.Writable);
            CaseContext.Require(free.HasFlag(PollEvents.Writable), "not-writable", "POLLOUT after the host application has read", free.ToString());
            GuestExchange.Echo(c, guest, host);
        }
    }

    [Case("VSC-1456", "VS-X-23", "VS-CRED-DEV-1", Title = "A guest that makes its buffer larger while connected is sent more, without reading")]
    public static void GuestBuffer_Grows_MoreComes(CaseContext c)
    {
        const int Total = 300_000;
        (GuestSocket guest, HostConnection host) = OpenWith(c, Small);
        host.Send(GuestSocket.Seeded(c.Seed, Total));
        CaseContext.Require(c.Eventually(() => guest.Waiting() > 0), "guest-data-missing", "data reaches the guest", "none");
        guest.SetBuffer(Medium);
        CaseContext.Require(
            c.Eventually(() => guest.Waiting() > Small),
            "window-not-used",
            $"more than {Small} bytes wait in the guest's socket after its buffer grew to {Medium}",
            $"{guest.Waiting()}");
        CaseContext.Require(guest.Waiting() <= Medium, "window-overrun", $"at most {Medium} bytes wait in the guest's socket", $"{guest.Waiting()}");
        _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, Total), Total);
    }

    [Case("VSC-1457", "VS-CRED-DEV-1", "VS-X-22", Title = "A guest that makes its buffer smaller than what it holds is sent nothing until there is room, and loses nothing", Regressions = ["KB-A1"])]
    public static void GuestBuffer_Shrinks_NothingIsLost(CaseContext c)
    {
        const int Total = 300_000;
        (GuestSocket guest, HostConnection host) = OpenWith(c, Medium);
        host.Send(GuestSocket.Seeded(c.Seed, Total));
        NeedFull(c, guest, Medium);
        guest.SetBuffer(Small);
        _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, Total, 3000), Total);
        GuestExchange.Echo(c, guest, host);
    }

    [Case("VSC-1458", "VS-X-23", Title = "A reader that raises SO_RCVLOWAT above what it holds gets the rest that the sender had no credit for")]
    public static void LowWater_RaisedLate_RestComes(CaseContext c) => WaitForTheLastByte(c, raisedFirst: false);

    [Case("VSC-1459", "VS-X-23", Title = "A reader with a high SO_RCVLOWAT gets the rest that the sender had no credit for")]
    public static void LowWater_RaisedEarly_RestComes(CaseContext c) => WaitForTheLastByte(c, raisedFirst: true);

    [Case("VSC-1460", "VS-CRED-DEV-1", Title = "The buffer of a listening guest is that of the connections it accepts, and is not overrun")]
    public static void ListenerBuffer_Small_IsInheritedAndNotOverrun(CaseContext c)
    {
        const int Total = 200_000;
        GuestSocket listener = GuestSocket.Create(c);
        listener.SetBuffer(Small);
        HostConnection host = c.Host.Connect(listener.Listen());
        GuestSocket guest = listener.Accept();
        _ = host.ExpectEstablished();
        c.Record("guest.accepted.buffer", guest.Buffer());
        host.Send(GuestSocket.Seeded(c.Seed, Total));
        CaseContext.Require(c.Eventually(() => guest.Waiting() > 0), "guest-data-missing", "data reaches the guest", "none");
        _ = guest.ExpectReceived(guest.BulkReceive(c.Seed, Total, 3000), Total);
    }

    [Case("VSC-1461", "VS-X-28", Title = "SO_ZEROCOPY can be set on a connection that the guest accepted, which then carries data")]
    public static void AcceptedSocket_ZeroCopySet_CarriesData(CaseContext c)
    {
        GuestRelease.Need(c, 6, 7, "SO_ZEROCOPY on vsock");
        (GuestSocket guest, HostConnection host) = GuestSocket.OpenFromHost(c);
        c.Record("guest.accepted.so_zerocopy", guest.SetZeroCopy().ToString());
        GuestExchange.Echo(c, guest, host);
    }

    private static void WaitForTheLastByte(CaseContext c, bool raisedFirst)
    {
        const int Half = Large / 2;
        (GuestSocket guest, HostConnection host) = OpenWith(c, Large);
        if (raisedFirst)
        {
            guest.SetReceiveLowWater(Half + 1).OrThrow("setsockopt(SO_RCVLOWAT)");
        }

        byte[] data = GuestSocket.Seeded(c.Seed, Large + 1);
        host.Send(data);
        NeedFull(c, guest, Large);
        GuestReceived first = guest.ReceiveSeeded(c.Seed, [Half]);
        CaseContext.Require(first.Result.Value == Half && first.FirstDifference < 0, "wrong-data", $"the first {Half} bytes", first.Result.ToString());
        if (!raisedFirst)
        {
            guest.SetReceiveLowWater(Half + 1).OrThrow("setsockopt(SO_RCVLOWAT)");
        }

        // Older kernels do not tell of credit for the mark's sake, which is not the device's fault; they do when the application reads on.
        if (GuestRelease.IsAtLeast(c, 6, 8))
        {
            PollEvents ready = guest.Poll(PollEvents.Readable);
            CaseContext.Require(ready.HasFlag(PollEvents.Readable), "data-not-told", $"POLLIN when {Half + 1} bytes wait", ready.ToString());
        }

        guest.SetReceiveLowWater(1).OrThrow("setsockopt(SO_RCVLOWAT)");
        byte[] rest = guest.ReceiveExactly(Half + 1);
        Exchange.Same(rest, data.AsSpan(Half), "host to guest, the last byte among it");
    }

    private static (GuestSocket Guest, HostConnection Host) OpenWith(CaseContext c, int buffer)
    {
        HostListener listener = c.Listen();
        GuestSocket guest = GuestSocket.Create(c);
        guest.SetBuffer((ulong)buffer);
        guest.Connect(listener.Port).OrThrow("connect");
        return (guest, listener.Accept());
    }

    /// <summary>Waits until the device has used up its credit: then nothing is on its way. A device need not use all of it.</summary>
    private static void NeedFull(CaseContext c, GuestSocket guest, int buffer)
    {
        if (!c.Eventually(() => guest.Waiting() == buffer))
        {
            CaseContext.Require(guest.Waiting() > 0, "guest-data-missing", "data reaches the guest", "none");
            CaseContext.NotApplicable($"the device leaves a part of the guest's buffer of {buffer} bytes unused: {guest.Waiting()} bytes wait");
        }
    }
}
