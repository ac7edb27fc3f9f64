using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>
/// Sends with MSG_ZEROCOPY: the device reads the application's own pages, in as many descriptors as they take, and the guest is told of it when the device has given
/// them back.
/// </summary>
[Area("sockets", NeedsGuest = true)]
public static class SocketZeroCopyCases
{
    private const int Page = 4096;

    /// <summary>Buffers in parts: whole pages, odd lengths, more than one packet, more than the peer takes at once.</summary>
    private static readonly int[][] Layouts =
    [
        [Page, Page, Page],
        [Page, 2 * Page, 1, Page - 1],
        [1, Page, 17, 3000],
        [64 * 1024],
        [64 * 1024, 200, 10_000],
        [200_000],
    ];

    [Case("VSC-1479", "VS-X-17", "VS-X-26", Title = "Bytes that a stream socket sends without copying arrive in order, and every send is told to be over")]
    public static void Stream_SentWithoutCopying_ArrivesAndCompletes(CaseContext c) => SendAll(c, SocketType.Stream);

    [Case("VSC-1480", "VS-X-18", "VS-X-26", Title = "Messages that a seqpacket socket sends without copying arrive one by one, and every send is told to be over", Needs = VirtioFeatures.Seqpacket)]
    public static void Seqpacket_SentWithoutCopying_ArrivesAndCompletes(CaseContext c) => SendAll(c, SocketType.Seqpacket);

    [Case("VSC-1481", "VS-X-17", Title = "A send without copying from memory that is not there does not spoil the stream")]
    public static void Stream_SentWithoutCopyingFromUnmapped_GoesOn(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = Open(c, SocketType.Stream);
        (GuestResult result, byte[] data) = guest.TrySend([Page, BufferPart.Unmapped(Page), Page], GuestMessage.ZeroCopy);
        c.Record("guest.zerocopy.unmapped", result.ToString());
        int taken = (int)Math.Max(result.Value, 0);
        byte[] next = guest.Send(1000);
        Exchange.Same(host.ReceiveExactly(taken + next.Length), (byte[])[.. data.AsSpan(0, taken), .. next], "guest to host, what send told and the next");
        GuestExchange.Echo(c, guest, host);
    }

    [Case("VSC-1482", "VS-X-17", Title = "The error queue of a connection on which nothing was sent without copying is empty")]
    public static void ErrorQueue_WithoutCompletions_IsEmpty(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = Open(c, SocketType.Stream);
        GuestResult result = guest.Receive(1, GuestMessage.ErrorQueue | GuestMessage.DontWait).Result;
        c.Record("guest.errqueue.empty", result.ToString());
        GuestExchange.Echo(c, guest, host);
        CaseContext.Require(GuestCompletion.TryTake(guest) is null, "wrong-completion", "no completion of a send that was copied", "one");
    }

    [Case("VSC-1483", "VS-X-17", "VQ-16", Title = "Hundreds of sends without copying are all told to be over, and in order")]
    public static void Stream_ManySentWithoutCopying_AllComplete(CaseContext c)
    {
        const int Count = 200;
        const int Size = 3 * Page;
        (GuestSocket guest, HostConnection host) = Open(c, SocketType.Stream);
        for (int i = 0; i < Count; i++)
        {
            byte[] data = guest.Send(Size, GuestMessage.ZeroCopy);
            Exchange.Same(host.ReceiveExactly(Size), data, "guest to host without copying");
        }

        _ = GuestCompletion.ExpectAll(c, guest, Count);
    }

    [Case("VSC-1484", "VS-X-17", Title = "A small packet that follows one sent without copying is not mixed up with it")]
    public static void SmallPacket_AfterOneWithoutCopying_KeepsApart(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = Open(c, SocketType.Stream);
        byte[] sent = [.. guest.Send(100, GuestMessage.ZeroCopy), .. guest.Send(100), .. guest.Send(3 * Page, GuestMessage.ZeroCopy), .. guest.Send(50)];
        Exchange.Same(host.ReceiveExactly(sent.Length), sent, "guest to host, with and without copying by turns");
        _ = GuestCompletion.ExpectAll(c, guest, 2);
    }

    [Case("VSC-1485", "VS-X-23", "VS-X-17", Title = "A send without copying of more than the device holds goes on as the host application reads")]
    public static void Stream_SentWithoutCopyingBeyondTheWindow_GoesOn(CaseContext c)
    {
        const int Total = 3_000_000;
        (GuestSocket guest, HostConnection host) = Open(c, SocketType.Stream);
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed, Total, Total, GuestMessage.ZeroCopy);
        Exchange.Same(host.ReceiveExactly(Total), GuestSocket.Seeded(c.Seed, Total), "guest to host without copying");
        guest.ExpectSent(sending, Total);
    }

    private static void SendAll(CaseContext c, SocketType type)
    {
        (GuestSocket guest, HostConnection host) = Open(c, type);
        foreach (int[] layout in Layouts)
        {
            byte[] data = guest.Send(layout, GuestMessage.ZeroCopy);
            Exchange.Same(
                type == SocketType.Seqpacket ? host.ReceiveMessage() : host.ReceiveExactly(data.Length), data, $"guest to host without copying, {layout.Length} parts");
        }

        c.Record($"guest.zerocopy.{type}.copied", GuestCompletion.ExpectAll(c, guest, Layouts.Length));
        byte[] last = guest.Send(Layouts[0]);
        Exchange.Same(type == SocketType.Seqpacket ? host.ReceiveMessage() : host.ReceiveExactly(last.Length), last, "guest to host, copied");
    }

    private static (GuestSocket Guest, HostConnection Host) Open(CaseContext c, SocketType type)
    {
        GuestRelease.Need(c, 6, 7, "MSG_ZEROCOPY on vsock");
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, type);
        GuestResult set = guest.SetZeroCopy();
        if (!set.Succeeded)
        {
            CaseContext.NotApplicable($"the guest has no SO_ZEROCOPY for vsock: {set}");
        }

        return (guest, host);
    }
}
