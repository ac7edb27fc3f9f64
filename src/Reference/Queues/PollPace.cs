namespace Vsockspec.Reference;

/// <summary>
/// How often queues without kick descriptors are looked at: without pause while they have work and a little longer, because what belongs to it
/// mostly follows at once; after that once in a while, so that an idle guest costs nothing that counts.
/// </summary>
internal sealed class PollPace
{
    private const int AwakeMs = 2;
    private const int IntervalMs = 1;
    private long taken;
    private long awakeUntil = long.MinValue;

    /// <summary>Milliseconds until the next look.</summary>
    /// <param name="takenInAll">Chains taken since the beginning.</param>
    /// <param name="now">Milliseconds on a clock that only goes forward.</param>
    public int Next(long takenInAll, long now)
    {
        if (takenInAll != taken)
        {
            taken = takenInAll;
            awakeUntil = now + AwakeMs;
        }

        return now < awakeUntil ? 0 : IntervalMs;
    }
}
