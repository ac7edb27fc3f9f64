using System.Globalization;

namespace Vsockspec.Results;

/// <summary>One of N equal parts of a run that is spread over machines.</summary>
/// <param name="Index">From 1.</param>
/// <param name="Count">At most 10 000.</param>
public sealed record Shard(int Index, int Count)
{
    private const int MaxCount = 10_000;

    /// <summary><c>2/4</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Index}/{Count}");

    /// <summary><c>2/4</c>; null when it is not that.</summary>
    public static Shard? Parse(string text)
    {
        string[] parts = text.Split('/');
        return parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && index >= 1 && index <= count && count <= MaxCount
                ? new Shard(index, count)
                : null;
    }

    /// <summary>
    /// This part of the whole: every N-th, so that neighbours, which take alike long, come to different parts. The parts together are the whole, no two have one in common,
    /// and their sizes differ by one at most; where there are more parts than elements, the last ones are empty.
    /// </summary>
    public IEnumerable<T> Of<T>(IEnumerable<T> whole) => whole.Where((_, position) => position % Count == Index - 1);
}
