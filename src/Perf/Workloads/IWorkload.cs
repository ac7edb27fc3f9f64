using Vsockspec.Perf.Measuring;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>One thing to measure, with everything that it is measured under. It keeps nothing of a run: the same object measures several targets in turn.</summary>
public interface IWorkload
{
    /// <summary>As in a plan: <c>throughput</c>.</summary>
    string Kind { get; }

    /// <summary>What is measured, for people and for joining: the family and the parameter of its first figure, <c>stream/guest-to-host/throughput/4096</c>. A plan has each once.</summary>
    string Name { get; }

    /// <summary>Everything that it is measured under, by the names that a plan gives it.</summary>
    IReadOnlyDictionary<string, string> Dimensions { get; }

    /// <summary>A guest's kernel drives the target, and an application in it is measured; otherwise we drive it ourselves.</summary>
    bool IsFromGuest => false;

    /// <summary>Whose processor a target has while it is measured, where it has none to itself.</summary>
    SharedWith Shares => SharedWith.Driver;

    /// <summary>Features that the target must offer.</summary>
    VirtioFeatures Needs { get; }

    /// <summary>Why this target cannot be asked, beside features; null: it can.</summary>
    string? Refuses(Bench bench) => null;

    /// <summary>True: each repeat needs an instance of the target that has done nothing yet.</summary>
    bool WantsFreshTarget => false;

    /// <summary>The machine's own limit at the same thing; null where there is none to hold it against.</summary>
    Limit? Limit { get; }

    /// <summary>Warms both sides up, and says how much one repeat has to carry (bytes, trips, a rate: the workload knows) so that it takes about as long as the plan wants.</summary>
    /// <exception cref="PerfException">The target stalls, corrupts or ends.</exception>
    long Prepare(Bench bench);

    /// <summary>Warms both sides up, with as much of the volume as that takes.</summary>
    /// <exception cref="PerfException">The target stalls, corrupts or ends.</exception>
    void WarmUp(Bench bench, long volume);

    /// <summary>Measures once: one value of each figure.</summary>
    /// <param name="volume">What <see cref="Prepare"/> said, of this target or of the one that it is compared with.</param>
    /// <exception cref="PerfException">The target stalls, corrupts or ends. What the sheet has by then counts.</exception>
    void Run(Bench bench, long volume, Sheet sheet);

    /// <summary>Carries it once more, for counters that would disturb a measurement.</summary>
    /// <exception cref="PerfException">The target stalls, corrupts or ends.</exception>
    void Count(Bench bench, long volume, Sheet sheet)
    {
    }
}

/// <summary>What the machine itself does at the same thing, measured in turn with a figure.</summary>
/// <param name="Name">See <see cref="Yardstick.Limit"/>.</param>
/// <param name="Figure">The figure beside which it stands, and whose unit it has.</param>
/// <param name="Goal">See <see cref="Yardstick.Goal"/>.</param>
/// <param name="Measure">Measures once, with the workload's volume.</param>
public sealed record Limit(string Name, Comparing.Figure Figure, double? Goal, Func<long, double> Measure);
