namespace Vsockspec.Audit;

/// <summary>The findings of one session or capture: the first <see cref="Limit"/> of each severity, and how many there were.</summary>
internal sealed class FindingLog
{
    public const int Limit = 100;
    private readonly List<Finding> violations = [];
    private readonly List<Finding> notes = [];
    private readonly HashSet<string> noted = new(StringComparer.Ordinal);

    public IReadOnlyList<Finding> Violations => violations;

    public IReadOnlyList<Finding> Notes => notes;

    public long ViolationCount { get; private set; }

    /// <summary>Forgets everything: what follows is another part of the session.</summary>
    public void Clear()
    {
        violations.Clear();
        notes.Clear();
        noted.Clear();
        ViolationCount = 0;
    }

    public void Violation(string requirement, int packet, string detail)
    {
        ViolationCount++;
        if (violations.Count < Limit)
        {
            violations.Add(new Finding(requirement, packet, detail, FindingSeverity.Violation));
        }
    }

    /// <summary>True the first time a topic comes up. Notes are made once, so that ordinary traffic costs nothing and drowns nothing.</summary>
    public bool IsNews(string topic) => notes.Count < Limit && noted.Add(topic);

    public void Note(string requirement, int packet, string detail)
    {
        if (notes.Count < Limit)
        {
            notes.Add(new Finding(requirement, packet, detail, FindingSeverity.Note));
        }
    }
}
