using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>
/// Addresses and types that the driver itself used where it must not. A device that answers them may repeat them, and what it makes of
/// them is left open.
/// </summary>
internal sealed class PeerOddities(ulong guestCid)
{
    private const int MaxCids = 64;
    private readonly HashSet<ulong> sources = [];
    private readonly HashSet<ulong> destinations = [];
    private bool tooMany;

    /// <summary>Some packet had a type that is none or is not in force.</summary>
    public bool Types { get; private set; }

    /// <summary>True when the packet's addresses are those of an ordinary guest that speaks to the host.</summary>
    public bool Learn(in VsockHeader header, bool typeIsServed)
    {
        Types |= !typeIsServed;
        bool ordinary = header.SrcCid == guestCid && header.DstCid == Cid.Host;
        if (!ordinary)
        {
            tooMany |= sources.Count >= MaxCids || destinations.Count >= MaxCids;
            if (!tooMany)
            {
                _ = sources.Add(header.SrcCid);
                _ = destinations.Add(header.DstCid);
            }
        }

        return ordinary;
    }

    public bool SentFrom(ulong cid) => tooMany || (sources.Count > 0 && sources.Contains(cid));

    public bool SentTo(ulong cid) => tooMany || (destinations.Count > 0 && destinations.Contains(cid));
}
