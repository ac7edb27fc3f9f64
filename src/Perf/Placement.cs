using System.Globalization;
using Vsockspec.Interop;
using Vsockspec.Perf.Counting;

namespace Vsockspec.Perf;

/// <summary>
/// Where threads run while something is measured on the rings: the driver on one processor, the host application's end on another, in a workload and in the limit beside it, and the
/// target on what is left. Where there are but two the target shares the driver's, which sleeps while the target works, unless the driver is to be awake all the time: then the target
/// may go where it finds room. Left to the scheduler they are now here and now there: a socketpair is two to four times slower or faster for it, a target up to twice.
/// </summary>
public static class Placement
{
    private static readonly int[] Allowed = [.. CpuAffinity.Allowed()];

    /// <summary>For a report.</summary>
    public static string Description => Allowed switch
    {
        [var host, var driver] => Say($"driver and target on processor {driver}, host applications on {host}; a target beside a driver that is always awake on both"),
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
    /// <param name="besideAwakeDriver">The driver does not sleep.</param>
    internal static void Place(TargetProcesses processes, bool besideAwakeDriver)
    {
        int[] place = Allowed switch
        {
            [_, _, .. { Length: > 0 } rest] => rest,
            [_, var driver] when !besideAwakeDriver => [driver],
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
