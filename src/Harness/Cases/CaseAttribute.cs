using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>Names the area that a class of cases belongs to, as reports print it.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class AreaAttribute(string name) : Attribute
{
    public string Name { get; } = name;

    /// <summary>The one transport that the area's cases are about; null: any.</summary>
    public string? Transport { get; init; }

    /// <summary>The cases script sockets in a guest that runs on the target.</summary>
    public bool NeedsGuest { get; init; }
}

/// <summary>
/// Marks a static method <c>void Subject_Condition_Outcome(CaseContext c)</c> as a case. The id is permanent: it is never given
/// to another case, and a case never changes its id.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CaseAttribute(string id, params string[] requirements) : Attribute
{
    /// <summary><c>VSC-0101</c>.</summary>
    public string Id { get; } = id;

    /// <summary>Ids of the register, or of open situations (<c>B-05</c>) for probes. The first decides the level.</summary>
    public IReadOnlyList<string> Requirements { get; } = requirements;

    /// <summary>One sentence for people: what the target is asked and what is expected.</summary>
    public required string Title { get; init; }

    public Vary Vary { get; init; } = Vary.Nothing;

    /// <summary>Features without which the question makes no sense; they are accepted on top of the variant's.</summary>
    public VirtioFeatures Needs { get; init; }

    public Isolation Isolation { get; init; } = Isolation.Session;

    /// <summary>Records behaviour and never fails the target.</summary>
    public bool Probe { get; init; }

    /// <summary>Ids of bugs from the field that the case would have caught, <c>KB-A1</c> (see <see cref="RegressionRegister"/>).</summary>
    public string[] Regressions { get; init; } = [];

    /// <summary>Takes seconds by its nature (timeouts, counter wraps); may be left out with <c>--quick</c>.</summary>
    public bool Slow { get; init; }
}

/// <summary>Along which lines a case is run more than once.</summary>
public enum Vary
{
    /// <summary>Split rings without options only.</summary>
    Nothing,

    /// <summary>Split and packed, EVENT_IDX and INDIRECT_DESC on and off, pairwise: four variants.</summary>
    Rings,

    /// <summary>Split rings, EVENT_IDX and INDIRECT_DESC off; packed the same: two variants.</summary>
    Layouts,

    /// <summary>Packed rings only (needs RING_PACKED).</summary>
    PackedOnly,
}

/// <summary>How much of the target a case needs for itself.</summary>
public enum Isolation
{
    /// <summary>A connection of its own to a running target.</summary>
    Session,

    /// <summary>A process of its own, because the case may kill or wedge it; runs after all others.</summary>
    Process,
}
