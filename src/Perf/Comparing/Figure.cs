using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Comparing;

/// <summary>Something that a run has one value for. Its name is permanent: histories and comparisons are joined by it.</summary>
/// <param name="Family">What is measured: <c>stream/guest-to-host/throughput</c>.</param>
/// <param name="Parameter">Under which of its parameters: <c>4096</c>.</param>
/// <param name="Role">What the figure decides.</param>
public sealed record Figure(string Family, string Parameter, string Unit, Better Better, FigureRole Role)
{
    public string Name => $"{Family}/{Parameter}";
}

/// <summary>What a figure may decide.</summary>
public enum FigureRole
{
    /// <summary>A time or a rate: judged by interval and tolerance.</summary>
    Gate,

    /// <summary>A count that the machine's mood may change; where it does not, a difference needs no statistics.</summary>
    Counter,

    /// <summary>Shown and never decisive: a tail of one run's few thousand samples says little.</summary>
    Shown,
}
