using Vsockspec.Interop;

namespace Vsockspec.Targets;

/// <summary>A guest CID that no other run of vsockspec on this machine uses until it is disposed.</summary>
public sealed class CidLease : IDisposable
{
    /// <summary>Far from the small numbers that people and VMMs choose.</summary>
    private const uint First = 0x5653_0000;

    private const uint Count = 4096;
    private static uint s_next;
    private readonly NameLock _name;

    private CidLease(ulong cid, NameLock name)
    {
        Cid = cid;
        _name = name;
    }

    public ulong Cid { get; }

    /// <summary>Takes the next free CID of the range that is <paramref name="fit"/>; one that was given back comes again only when all others have been.</summary>
    /// <param name="fit">False for a CID that somebody else uses who takes no leases, a VMM.</param>
    /// <exception cref="TargetException">All are taken.</exception>
    public static CidLease Take(Predicate<ulong> fit)
    {
        for (uint i = 0; i < Count; i++)
        {
            ulong cid = First + ((Interlocked.Increment(ref s_next) - 1) % Count);
            if (NameLock.TryTake($"vsockspec-cid-{cid}") is not { } name)
            {
                continue;
            }

            bool kept = false;
            try
            {
                kept = fit(cid);
                if (kept)
                {
                    return new CidLease(cid, name);
                }
            }
            finally
            {
                if (!kept)
                {
                    name.Dispose();
                }
            }
        }

        throw new TargetException($"all guest CIDs from {First} to {First + Count - 1} are in use; end the runs or VMs that hold them");
    }

    public void Dispose() => _name.Dispose();
}
