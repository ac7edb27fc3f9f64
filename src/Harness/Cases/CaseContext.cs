namespace Vsockspec.Cases;

/// <summary>What a case works with.</summary>
public sealed class CaseContext
{
}
