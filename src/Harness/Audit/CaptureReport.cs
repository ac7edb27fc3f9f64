namespace Vsockspec.Audit;

/// <summary>What a capture shows.</summary>
/// <param name="Packets">Packets between a guest and the host.</param>
/// <param name="Guests">The CIDs of the guests that were judged.</param>
/// <param name="Findings">Violations, the first hundred, in the order of their packets.</param>
/// <param name="Notes">Unusual but not illegal, each topic once.</param>
/// <param name="NotJudged">What this capture cannot show, one sentence each.</param>
public sealed record CaptureReport(
    int Packets,
    int Flows,
    IReadOnlyList<ulong> Guests,
    IReadOnlyList<Finding> Findings,
    long ViolationCount,
    IReadOnlyList<Finding> Notes,
    IReadOnlyList<string> NotJudged);
