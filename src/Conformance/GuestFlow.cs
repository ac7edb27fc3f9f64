using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance;

/// <summary>What cases about a driver ask of a connection between the guest's application and the scripted device.</summary>
internal static class GuestFlow
{
    private const int Bytes = 1500;

    /// <summary>The shortest proof that a connection works: bytes, or for seqpacket one message, each way.</summary>
    public static void Echo(DriverContext c, GuestSocket guest, Flow flow)
    {
        byte[] up = guest.Send(Bytes);
        if (flow.Id.Type == SocketType.Seqpacket)
        {
            Exchange.Same(flow.ReadMessage().Data, up, "guest to device");
        }
        else
        {
            Exchange.Same(flow.Read(Bytes), up, "guest to device");
        }

        byte[] down = c.RandomBytes(Bytes);
        if (flow.Id.Type == SocketType.Seqpacket)
        {
            down = down[..Math.Min(Bytes, c.Device.MaxPayload)];
            flow.Send(Op.Rw, down, (uint)SeqpacketFlags.EndOfMessage);
            GuestExchange.ReceiveMessage(guest, down, "device to guest");
        }
        else
        {
            flow.Write(down);
            Exchange.Same(guest.ReceiveExactly(down.Length), down, "device to guest");
        }
    }

    /// <summary>The operations that the driver has sent on the flow and nobody has looked at, credit left out: <c>rst</c>, empty for none.</summary>
    public static string Answers(Flow flow)
    {
        List<string> names = [];
        while (flow.TryTake([], out Packet? packet))
        {
            names.Add(Names.Of(packet.Op));
        }

        return string.Join(' ', names);
    }
}
