using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>What this run says of one row of the register.</summary>
/// <param name="Status">How it is shown.</param>
/// <param name="Why">Why there is no verdict; null when there is one.</param>
/// <param name="Cases">Ids of the cases that judged it.</param>
internal sealed record RuleState(Requirement Requirement, Status Status, string? Why, IReadOnlyList<string> Cases)
{
    public static IReadOnlyList<RuleState> Of(ReportContext context)
    {
        Dictionary<string, RequirementVerdict> verdicts = context.Report.Requirements.ToDictionary(r => r.Id, StringComparer.Ordinal);
        return [.. context.Register.Requirements.Select(row => Of(row, verdicts.GetValueOrDefault(row.Id), context.Report.Target.Role))];
    }

    private static RuleState Of(Requirement row, RequirementVerdict? verdict, string role)
    {
        if (verdict is not null)
        {
            return new(row, Status.Of(verdict.Verdict), null, [.. verdict.Cases.Select(name => name.Split('[')[0]).Distinct(StringComparer.Ordinal)]);
        }

        return row.Status switch
        {
            RequirementStatus.Untestable => new(row, new Status("untestable", "none", ""), row.Reason, []),
            RequirementStatus.OutOfScope => new(row, new Status("out of scope", "none", ""), row.Reason, []),
            RequirementStatus.DuplicateOf => new(row, new Status("duplicate", "none", ""), $"says the same as {row.Reason}, which is tested", []),
            _ => new(row, Status.NotRun, Elsewhere(row.Role, role), []),
        };
    }

    private static string Elsewhere(RequirementRole bound, string role) => (bound, role) switch
    {
        (RequirementRole.Driver, "device") => "binds the driver; this run judged a device",
        (RequirementRole.Device or RequirementRole.BackEnd or RequirementRole.VhostKernel, "driver") => "binds the device; this run judged a driver",
        (RequirementRole.BackEnd, _) => "binds vhost-user back-ends",
        (RequirementRole.VhostKernel, _) => "binds the kernel's vhost-vsock",
        _ => "no test of this run's profile is about it",
    };
}
