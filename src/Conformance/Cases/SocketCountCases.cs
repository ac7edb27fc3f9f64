using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>What SIOCINQ and SIOCOUTQ tell of the bytes that are on their way.</summary>
[Area("sockets", NeedsGuest = true)]
public static class SocketCountCases
{
    private const int Size = 10_000;

    [Case("VSC-1475", "VS-X-17", "VQ-16", Title = "SIOCOUTQ of a stream socket goes back to 0 when the device has taken what was sent")]
    public static void UnsentBytes_OfStream_GoBackToZero(CaseContext c) => ExpectSent(c, SocketType.Stream);

    [Case("VSC-1476", "VS-X-18", "VQ-16", Title = "SIOCOUTQ of a seqpacket socket goes back to 0 when the device has taken what was sent", Needs = VirtioFeatures.Seqpacket)]
    public static void UnsentBytes_OfSeqpacket_GoBackToZero(CaseContext c) => ExpectSent(c, SocketType.Seqpacket);

    [Case("VSC-1477", "VS-X-17", Title = "SIOCINQ of a stream socket counts what the host has sent and the guest has not read")]
    public static void UnreadBytes_OfStream_AreCounted(CaseContext c) => ExpectCounted(c, SocketType.Stream);

    [Case("VSC-1478", "VS-X-18", Title = "SIOCINQ of a seqpacket socket counts what the host has sent and the guest has not read", Needs = VirtioFeatures.Seqpacket)]
    public static void UnreadBytes_OfSeqpacket_AreCounted(CaseContext c) => ExpectCounted(c, SocketType.Seqpacket);

    private static void ExpectSent(CaseContext c, SocketType type)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, type);
        Need(guest.UnsentBytes(), "SIOCOUTQ");
        byte[] data = guest.Send(Size);
        Exchange.Same(type == SocketType.Seqpacket ? host.ReceiveMessage() : host.ReceiveExactly(Size), data, "guest to host");
        CaseContext.Require(
            c.Eventually(() => guest.UnsentBytes().Value == 0),
            "sent-bytes-not-returned",
            "SIOCOUTQ 0 after the host application has read all",
            $"{guest.UnsentBytes().Value}");
    }

    private static void ExpectCounted(CaseContext c, SocketType type)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, type);
        Need(guest.UnreadBytes(), "SIOCINQ");
        byte[] data = c.RandomBytes(Size);
        host.Send(data);
        CaseContext.Require(c.Eventually(() => guest.UnreadBytes().Value == Size), "guest-data-missing", $"SIOCINQ {Size}", $"{guest.UnreadBytes().Value}");
        Exchange.Same(type == SocketType.Seqpacket ? guest.Receive(2 * Size).Data : guest.ReceiveExactly(Size), data, "host to guest");
        CaseContext.Require(guest.UnreadBytes().Value == 0, "too-much-data", "SIOCINQ 0 after all was read", $"{guest.UnreadBytes().Value}");
    }

    private static void Need(GuestValue<uint> answer, string name)
    {
        if (!answer.Result.Succeeded)
        {
            CaseContext.NotApplicable($"the guest's vsock sockets have no {name}: {answer.Result}");
        }
    }
}
