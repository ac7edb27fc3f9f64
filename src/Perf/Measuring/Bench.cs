using Vsockspec.Guests;
using Vsockspec.Perf.Counting;
using Vsockspec.Perf.Guests;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Measuring;

/// <summary>What a workload is carried on.</summary>
/// <param name="Target">A running target; one session at a time.</param>
/// <param name="Processes">The target's, for what they use.</param>
/// <param name="Seconds">About how long one repeat should take.</param>
/// <param name="Patience">How long nothing may move before the target counts as stalled.</param>
public sealed record Bench(ITargetInstance Target, TargetProcesses Processes, double Seconds, TimeSpan Patience, CancellationToken Cancellation)
{
    /// <summary>Guests for the workloads that need one; null: there are none.</summary>
    public GuestPlace? Guests { get; init; }

    /// <summary>Guests, which there must be.</summary>
    /// <exception cref="GuestException">There are none.</exception>
    internal GuestPlace Guest => Guests ?? throw new GuestException("nothing is measured from a guest here");

    /// <summary>How long the target may stand still, unless a test says otherwise.</summary>
    public static readonly TimeSpan UsualPatience = TimeSpan.FromSeconds(10);

    /// <summary>However slowly things move: one transfer does not take longer than this many times the patience.</summary>
    public const int LongestTransfer = 12;
}
