using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>The ring layout and features under which a case runs.</summary>
public sealed record Variant(RingLayout Layout, bool EventIdx, bool Indirect)
{
    /// <summary>The four rows of the orthogonal array L4 over layout, EVENT_IDX and INDIRECT_DESC: every pair of values occurs.</summary>
    public static IReadOnlyList<Variant> Pairwise { get; } =
    [
        new(RingLayout.Split, false, false),
        new(RingLayout.Split, true, true),
        new(RingLayout.Packed, false, true),
        new(RingLayout.Packed, true, false),
    ];

    public VirtioFeatures Features =>
        (Layout == RingLayout.Packed ? VirtioFeatures.RingPacked : 0)
        | (EventIdx ? VirtioFeatures.EventIdx : 0)
        | (Indirect ? VirtioFeatures.IndirectDesc : 0);

    /// <summary><c>split</c>, <c>packed+event_idx</c>, …</summary>
    public string Name =>
        (Layout == RingLayout.Packed ? "packed" : "split") + (EventIdx ? "+event_idx" : "") + (Indirect ? "+indirect" : "");

    public override string ToString() => Name;

    public static IReadOnlyList<Variant> Of(Vary vary) => vary switch
    {
        Vary.Rings => Pairwise,
        Vary.Layouts => [new(RingLayout.Split, false, false), new(RingLayout.Packed, false, false)],
        Vary.PackedOnly => [new(RingLayout.Packed, false, false)],
        _ => [new(RingLayout.Split, false, false)],
    };
}
