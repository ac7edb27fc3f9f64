namespace Vsockspec.Audit;

/// <summary>How much a finding weighs.</summary>
public enum FindingSeverity
{
    /// <summary>A rule of the specification was broken.</summary>
    Violation,

    /// <summary>Unusual where the specification is silent or only hints; never held against the target.</summary>
    Note,
}

/// <summary>Something the auditor saw.</summary>
/// <param name="Requirement">Id in the register or of an open situation.</param>
/// <param name="Packet">Number of the packet in the trace, from 1; for a ring operation the packet seen last, 0 when there was none.</param>
/// <param name="Detail">What happened, with the numbers.</param>
public sealed record Finding(string Requirement, int Packet, string Detail, FindingSeverity Severity);
