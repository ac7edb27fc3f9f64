using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>What the sections of a report are made from.</summary>
/// <param name="Folder">The bundle's folder, for the traces; null: there are none to be read.</param>
/// <param name="Earlier">An earlier run to compare with; null: none.</param>
/// <param name="Certificate">Null: the run was not made for one.</param>
internal sealed record ReportContext(RunReport Report, RequirementRegister Register, string? Folder, RunReport? Earlier, Certificate? Certificate)
{
    /// <summary>In order of id.</summary>
    public IReadOnlyList<CaseGroup> Groups { get; } =
        [.. Report.Cases.GroupBy(c => c.Id, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => new CaseGroup(g.Key, [.. g]))];

    /// <summary>The side of the connection that is judged, in a sentence.</summary>
    public string TargetName => Report.Target.Name;
}
