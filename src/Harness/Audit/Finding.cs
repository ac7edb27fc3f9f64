namespace Vsockspec.Audit;

public enum FindingSeverity
{
    /// <summary>A rule of the register was broken.</summary>
    Violation,

    /// <summary>Legal, or not decided by the specification, but worth a look.</summary>
    Note,
}

/// <summary>What the auditor saw.</summary>
/// <param name="Requirement">Register id.</param>
/// <param name="Packet">Number of the packet in the trace, from 1; 0 when no packet is involved.</param>
/// <param name="Detail">What was seen, with the numbers.</param>
public sealed record Finding(string Requirement, int Packet, string Detail, FindingSeverity Severity);

/// <summary>A bounded list of findings: a device that breaks a rule with every packet cannot fill our memory.</summary>
internal sealed class FindingList
{
    private const int MaxPerRequirement = 10;
    private readonly List<Finding> findings = [];

    public IReadOnlyList<Finding> Items => findings;

    /// <summary>True when a finding for the requirement would still be kept; asked before its text is built.</summary>
    public bool Wants(string requirement)
    {
        int count = 0;
        foreach (Finding finding in findings)
        {
            count += finding.Requirement == requirement ? 1 : 0;
        }

        return count < MaxPerRequirement;
    }

    public void Add(string requirement, int packet, string detail, FindingSeverity severity = FindingSeverity.Violation)
    {
        if (Wants(requirement))
        {
            findings.Add(new Finding(requirement, packet, detail, severity));
        }
    }
}
