namespace Vsockspec.Perf.Statistics;

/// <summary>Which of two things is measured when.</summary>
public static class Interleaving
{
    /// <summary>
    /// True: the first one's turn. Groups of four, A B B A, so that a machine that drifts steadily, up or down, drifts under both alike.
    /// </summary>
    /// <param name="turnsEach">Even, so that all groups are whole.</param>
    public static IEnumerable<bool> Abba(int turnsEach)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(turnsEach % 2, 0);
        return Enumerable.Range(0, 2 * turnsEach).Select(turn => turn % 4 is 0 or 3);
    }
}
