using Vsockspec.Interop;

namespace Vsockspec.Reference;

/// <summary>
/// Collects payloads of packets of one stream flow, where they lie in guest memory, so that they go to the host socket with one
/// system call. Must be flushed before the packets' chains are given back: the guest may overwrite them then.
/// </summary>
internal sealed class Gather
{
    private readonly IoVectors pieces = new();
    private Connection? owner;

    /// <summary>Called with a flow after its collected data has been passed on or kept.</summary>
    public Action<Connection, WriteState>? Flushed { get; set; }

    /// <summary>Bytes collected.</summary>
    public int Bytes => pieces.Bytes;

    public bool Collects(Connection flow) => owner == flow;

    /// <summary>Bytes collected for the flow.</summary>
    public int BytesOf(Connection flow) => owner == flow ? pieces.Bytes : 0;

    /// <summary>Collects as much of the range as there is room for and returns how much that is.</summary>
    public uint Add(Connection flow, in ChainBytes packet, uint offset, uint count)
    {
        if (owner != flow)
        {
            Flush();
            owner = flow;
        }

        return packet.AddTo(pieces, offset, count);
    }

    public void Flush()
    {
        if (owner is { } flow)
        {
            owner = null;
            WriteState state = ((StreamEnd)flow.Host!).WriteGathered(pieces);
            pieces.Clear();
            Flushed?.Invoke(flow, state);
        }
    }
}
