using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Measuring;

/// <summary>One figure of one workload: a value for each repeat, in the order of measuring.</summary>
/// <param name="Beside">The machine's own limit, measured in turn with the figure; null where there is none to hold it against.</param>
public sealed record Measurement(Figure Figure, IReadOnlyList<double> Values, Yardstick? Beside = null)
{
    public Summary Summary => Summary.Of(Values);
}

/// <summary>What the machine itself does at the same thing in the same minutes.</summary>
/// <param name="Limit">Its name: <c>socketpair</c>, <c>relay</c>, <c>unix-connect</c>.</param>
/// <param name="Values">As many as the figure has, in the figure's unit.</param>
/// <param name="Goal">What a good backend reaches, as <see cref="Ratio"/> counts it; null: nothing is asked.</param>
public sealed record Yardstick(string Limit, IReadOnlyList<double> Values, double? Goal = null)
{
    /// <summary>How good the figure is beside the limit, pair by pair: 1 is as good, less is worse, whichever way of the figure is better.</summary>
    public Summary Ratio(Measurement figure) => Summary.Of(
        [.. figure.Values.Zip(Values, (value, limit) => figure.Figure.Better == Better.Higher ? value / limit : limit / value)]);
}
