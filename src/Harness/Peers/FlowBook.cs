using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>The flows that one end takes part in, and the packets of those that nobody opened there. One thread.</summary>
internal sealed class FlowBook(IFlowEnd end)
{
    private readonly Dictionary<(ulong, uint, ulong, uint), Flow> flows = [];
    private readonly List<Packet> strays = [];

    public Dictionary<(ulong, uint, ulong, uint), Flow>.ValueCollection Flows => flows.Values;

    /// <summary>In order; REQUESTs of the peer among them.</summary>
    public IReadOnlyList<Packet> Strays => strays;

    public Flow Register(FlowId id)
    {
        Flow flow = new(end, id);
        flows[KeyOf(id)] = flow;
        return flow;
    }

    public void Forget(Flow flow) => flows.Remove(KeyOf(flow.Id));

    public void Clear()
    {
        flows.Clear();
        strays.Clear();
    }

    /// <summary>Hands a packet of the peer to its flow; false when there is none, and it is a stray.</summary>
    public bool Deliver(Packet packet)
    {
        if (flows.TryGetValue(KeyOf(IdOf(packet.Header)), out Flow? flow))
        {
            flow.Deliver(packet);
            return true;
        }

        strays.Add(packet);
        return false;
    }

    /// <summary>The first stray packet that fits, removed from <see cref="Strays"/>; null when there is none.</summary>
    public Packet? TakeStray(Predicate<Packet> fits)
    {
        int index = strays.FindIndex(fits);
        if (index < 0)
        {
            return null;
        }

        Packet packet = strays[index];
        strays.RemoveAt(index);
        return packet;
    }

    /// <summary>Waits for a stray packet that fits.</summary>
    /// <exception cref="ExpectationException">None came.</exception>
    public Packet ExpectStray(string code, string expected, Predicate<Packet> fits)
    {
        Packet? found = null;
        return end.Timeline.WaitUntil(() => (found = TakeStray(fits)) is not null)
            ? found!
            : throw new ExpectationException(code, expected, strays.Count > 0 ? strays[^1].ToString() : $"nothing within {end.Timeline.Patience.TotalSeconds:0.###} s");
    }

    /// <summary>Waits for a REQUEST of the peer to a port of this end and takes part in the flow; nothing is answered yet.</summary>
    /// <exception cref="ExpectationException">None came, or one of another type.</exception>
    public Flow ExpectRequest(uint port, SocketType type)
    {
        string expected = end.IsHost ? $"REQUEST to host port {port} once the guest's application connects" : $"REQUEST to guest port {port} once the host connects";
        Packet request = ExpectStray("no-request", expected, p => p.Op == Op.Request && p.Header.DstPort == port);
        if (request.Header.Type != type)
        {
            throw new ExpectationException("wrong-type", $"REQUEST of type {Names.Of(type)}", request.ToString());
        }

        Flow flow = Register(IdOf(request.Header));
        flow.Deliver(request);
        _ = flow.TryTake([Op.Request], out _);
        return flow;
    }

    /// <summary>The flow of a packet that the peer sent.</summary>
    private FlowId IdOf(in VsockHeader header) => end.IsHost ? FlowId.OfGuestPacket(header) : FlowId.OfHostPacket(header);

    private static (ulong, uint, ulong, uint) KeyOf(in FlowId id) => (id.GuestCid, id.GuestPort, id.HostCid, id.HostPort);
}
