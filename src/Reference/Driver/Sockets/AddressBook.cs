namespace Vsockspec.Reference.Driver;

/// <summary>Which sockets have which ports, and which flows there are.</summary>
internal sealed class AddressBook
{
    /// <summary>Far from the ports that people choose.</summary>
    private const uint FirstFree = 0x4000_0000;

    /// <summary>VMADDR_PORT_ANY is no port.</summary>
    private const uint Any = uint.MaxValue;

    private readonly Dictionary<uint, VsockSocket> bound = [];
    private readonly Dictionary<DriverFlowKey, VsockSocket> flows = [];
    private uint next = FirstFree;

    public IEnumerable<VsockSocket> Bound => bound.Values;

    public IReadOnlyCollection<VsockSocket> Flows => flows.Values;

    public bool TryBind(VsockSocket socket, uint port)
    {
        if (!bound.TryAdd(port, socket))
        {
            return false;
        }

        socket.LocalPort = port;
        return true;
    }

    /// <summary>Binds to a port that has not been used for long: a host may still be busy with an old flow of one that has (section 5.10.6.5).</summary>
    public void BindToAny(VsockSocket socket)
    {
        while (next == Any || !TryBind(socket, next))
        {
            next++;
        }

        next++;
    }

    /// <summary>A connection that was accepted shares its listener's port, and leaves it alone.</summary>
    public void Unbind(VsockSocket socket)
    {
        if (socket.LocalPort is { } port && bound.TryGetValue(port, out VsockSocket? owner) && owner == socket)
        {
            bound.Remove(port);
        }
    }

    public VsockSocket? ListenerOn(uint port) => bound.TryGetValue(port, out VsockSocket? socket) && socket.State == SocketState.Listening ? socket : null;

    public bool TryOpen(VsockSocket socket) => flows.TryAdd(socket.Key, socket);

    public VsockSocket? Find(DriverFlowKey key) => flows.GetValueOrDefault(key);

    public void EndFlow(VsockSocket socket) => flows.Remove(socket.Key);
}
