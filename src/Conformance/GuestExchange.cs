using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance;

/// <summary>The shortest proof that applications at both ends still reach each other.</summary>
internal static class GuestExchange
{
    private const int Bytes = 3000;

    /// <summary>Bytes, or for seqpacket one message, each way.</summary>
    public static void Echo(CaseContext c, GuestSocket guest, HostConnection host, SocketType type = SocketType.Stream)
    {
        byte[] up = guest.Send(Bytes);
        byte[] down = c.RandomBytes(Bytes);
        host.Send(down);
        if (type == SocketType.Seqpacket)
        {
            Exchange.Same(host.ReceiveMessage(), up, "guest to host");
            ReceiveMessage(guest, down, "host to guest");
            return;
        }

        Exchange.Same(host.ReceiveExactly(Bytes), up, "guest to host");
        Exchange.Same(guest.ReceiveExactly(Bytes), down, "host to guest");
    }

    /// <summary>A fresh connection works: whatever the case did to others before, the device has come through it.</summary>
    public static void OnFreshConnection(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c);
        Echo(c, guest, host);
        host.Close();
        guest.Close().OrThrow("close");
    }

    /// <summary>The guest's next receive gives exactly this message.</summary>
    public static void ReceiveMessage(GuestSocket guest, byte[] message, string direction)
    {
        GuestReceived received = guest.Receive(Math.Max(message.Length, 1) + 1000);
        CaseContext.Require(
            received.Result.Value == message.Length,
            "wrong-boundary",
            $"one message of {message.Length} bytes at the guest's application",
            received.Result.ToString());
        Exchange.Same(received.Data, message, direction);
    }
}
