using System.Diagnostics.CodeAnalysis;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>All flows, by their addresses.</summary>
internal sealed class FlowTable
{
    /// <summary>Ports for host applications start here, above what they and the guest usually choose themselves.</summary>
    public const uint FirstHostPort = 1u << 30;

    private readonly Dictionary<FlowKey, Connection> flows = [];
    private uint nextHostPort = FirstHostPort;
    private Connection? last;

    public int Count => flows.Count;

    public bool TryGet(FlowKey key, [NotNullWhen(true)] out Connection? flow)
    {
        // Packets come in runs of one flow.
        if (last is not null && last.Key == key)
        {
            flow = last;
            return true;
        }

        if (flows.TryGetValue(key, out flow))
        {
            last = flow;
            return true;
        }

        return false;
    }

    public void Add(Connection flow) => flows.Add(flow.Key, flow);

    public void Remove(Connection flow)
    {
        flows.Remove(flow.Key);
        last = null;
    }

    public List<Connection> Snapshot() => [.. flows.Values];

    /// <summary>
    /// A port for the host's end of a flow to <paramref name="guestPort"/>. Ports are not used again before all others were, so that a late
    /// packet of an old flow does not meet a new one.
    /// </summary>
    public uint NextHostPort(uint guestPort)
    {
        while (true)
        {
            uint port = nextHostPort;
            nextHostPort = port == uint.MaxValue - 1 ? FirstHostPort : port + 1;
            if (!flows.ContainsKey(new FlowKey(guestPort, port, SocketType.Stream)) && !flows.ContainsKey(new FlowKey(guestPort, port, SocketType.Seqpacket)))
            {
                return port;
            }
        }
    }
}
