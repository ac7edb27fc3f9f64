using Vsockspec.Targets;

namespace Vsockspec.Results.Attestation;

/// <summary>Why a bundle is refused.</summary>
/// <param name="Code">Stable name of the kind of reason; docs/certificate.md lists all.</param>
/// <param name="Text">The reason in words, fit to be shown.</param>
public sealed record Refusal(string Code, string Text);

/// <summary>Collects the reasons why a bundle is refused; of each kind so many as somebody may want to read. Safe to use from several threads.</summary>
internal sealed class Refusals
{
    /// <summary>Of one kind.</summary>
    private const int MaxOfAKind = 50;

    private const int MaxLength = 400;

    private readonly Lock gate = new();
    private readonly List<Refusal> list = [];
    private readonly Dictionary<string, int> counts = new(StringComparer.Ordinal);

    /// <summary>Those kept, in order, and how many were not, by kind.</summary>
    public IReadOnlyList<Refusal> All
    {
        get
        {
            lock (gate)
            {
                return [.. list, .. counts.Where(c => c.Value > MaxOfAKind).Select(c => new Refusal(c.Key, $"and {c.Value - MaxOfAKind} more"))];
            }
        }
    }

    public void AddAll(Refusals others)
    {
        foreach (Refusal refusal in others.All)
        {
            Add(refusal.Code, refusal.Text);
        }
    }

    /// <param name="text">May have words of the bundle in it.</param>
    public void Add(string code, string text)
    {
        string clean = Printable.Clean(text.ReplaceLineEndings(" "));
        lock (gate)
        {
            int count = counts.GetValueOrDefault(code) + 1;
            counts[code] = count;
            if (count <= MaxOfAKind)
            {
                list.Add(new Refusal(code, clean.Length <= MaxLength ? clean : clean[..MaxLength] + "..."));
            }
        }
    }
}
