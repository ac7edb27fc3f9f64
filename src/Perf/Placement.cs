using Vsockspec.Interop;

namespace Vsockspec.Perf;

/// <summary>
/// Where our own threads run while something is measured: the driver on one processor, the host application's end on another, in a workload and in the limit beside it. Left to
/// the scheduler, both are now on one processor and now on two, which makes a socketpair two to four times slower or faster. The target is left alone.
/// </summary>
internal static class Placement
{
    private static readonly IReadOnlyList<int> Allowed = CpuAffinity.Allowed();

    /// <summary>For the thread that drives the rings, or writes to a bare socketpair. Null: there is but one processor, nothing is placed.</summary>
    public static CpuAffinity? Driver() => At(1);

    /// <summary>For the thread of the host application.</summary>
    public static CpuAffinity? HostEnd() => At(0);

    private static CpuAffinity? At(int place) => Allowed.Count < 2 ? null : CpuAffinity.Pin(Allowed[place]);
}
