using System.Globalization;
using Vsockspec.Interop;
using Vsockspec.Perf.Counting;

namespace Vsockspec.Perf;

/// <summary>With whom a target shares a processor where there are but two.</summary>
public enum SharedWith
{
    /// <summary>The driver, which sleeps while the target works.</summary>
    Driver,

    /// <summary>The host applications, which have nothing to do, or are on the driver's thread.</summary>
    HostEnd,

    /// <summary>Whoever leaves it room: both have something to do all the time.</summary>
    Either,
}

/// <summary>
/// Where threads run while something is measured on the rings: the driver on one processor, the host application's end on another, in a workload and in the limit beside it, and the
/// target on what is left; where there are but two the workload says with whom it shares one. Left to the scheduler they are now here and now there: a socketpair is two to four times slower or faster for it, a target up to twice.
/// </summary>
public static class Placement
{
    private static readonly int[] Allowed = [.. CpuAffinity.Allowed()];

    /// <summary>For a report.</summary>
    public static string Description => Allowed switch
    {
        [var host, var driver] => Say($"driver on processor {driver}, host applications on {host}, target on {driver}, beside a driver that never sleeps on {host} or both"),
        [var host, var driver, .. var rest] => Say($"driver on processor {driver}, host applications on {host}, target on the other {rest.Length}"),
        _ => "all on one processor",
    };

    /// <summary>For the thread that drives the rings, or writes to a bare socketpair. Null: there is but one processor, nothing is placed.</summary>
    internal static CpuAffinity? Driver() => At(1);

    /// <summary>For the thread of the host application.</summary>
    internal static CpuAffinity? HostEnd() => At(0);

    /// <summary>For a thread of ours that does what a target does.</summary>
    internal static CpuAffinity? Target() => At(Allowed.Length > 2 ? 2 : 1);

    /// <summary>True when the threads may run wherever we may: nobody has chosen a place for them, and they may be given one.</summary>
    internal static bool IsOurs(TargetProcesses processes) => Allowed.Length > 1 && processes.Threads().All(thread => CpuAffinity.Allowed(thread).SequenceEqual(Allowed));

    /// <summary>Gives the target's threads, and those that they will start, their place.</summary>
    internal static void Place(TargetProcesses processes, SharedWith shares)
    {
        int[] place = Allowed switch
        {
            [_, _, .. { Length: > 0 } rest] => rest,
            [_, var driver] when shares == SharedWith.Driver => [driver],
            [var host, _] when shares == SharedWith.HostEnd => [host],
            _ => Allowed,
        };
        foreach (int thread in processes.Threads())
        {
            // One that has ended meanwhile needs no place.
            _ = CpuAffinity.Place(thread, place);
        }
    }

    /// <summary>Lets threads that were placed go where they find room again.</summary>
    internal static void Release(TargetProcesses processes)
    {
        foreach (int thread in processes.Threads())
        {
            _ = CpuAffinity.Place(thread, Allowed);
        }
    }

    private static CpuAffinity? At(int place) => Allowed.Length < 2 ? null : CpuAffinity.Pin(Allowed[place]);

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
