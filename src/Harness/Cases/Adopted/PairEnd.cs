namespace Vsockspec.Cases.Adopted;

/// <summary>How one side of a pair ended.</summary>
/// <param name="Who"><c>guest (client)</c>.</param>
/// <param name="Succeeded">It ended by itself with exit code 0.</param>
/// <param name="Status">How, in words.</param>
/// <param name="Output">The end of what it wrote.</param>
public sealed record SideEnd(string Who, bool Succeeded, string Status, string Output);

/// <summary>How a pair of processes ended.</summary>
/// <param name="InTime">False: they were killed when their time was over.</param>
public sealed record PairEnd(SideEnd Client, SideEnd Server, bool InTime)
{
    /// <summary>Both sides and how they ended, the output of each after it.</summary>
    public string Log => string.Join('\n', new[] { Client, Server }.Select(s => $"--- {s.Who}: {s.Status}\n{TestOutput.WithoutSkipped(s.Output).TrimEnd()}"));
}
