using Vsockspec.Interop;

namespace Vsockspec.Guests;

/// <summary>
/// The processor that a guest in user-mode Linux is kept on, for it has but one itself. Its kernel and its programs are processes that take turns by ptrace(2); on two processors each
/// turn may wait for the other's next timer tick (kernel/sched/core.c, wait_task_inactive), so that a guest does the same work several times slower. Thread-safe.
/// </summary>
internal static class UmlProcessor
{
    private static readonly IReadOnlyList<int> Allowed = CpuAffinity.Allowed();

    private static int started;

    /// <summary>
    /// For the next guest; those of one process go round. The first is not on the first processor, where performance runs have the host's end, and elsewhere than those of other
    /// processes, if there are many processors. Null: there is no choice.
    /// </summary>
    public static int? Next() => Allowed.Count < 2 ? null : Allowed[Place(Environment.ProcessId, Interlocked.Increment(ref started) - 1, Allowed.Count)];

    /// <param name="process">Tells processes apart.</param>
    /// <param name="before">Guests that this process has started before; overflows without harm.</param>
    /// <param name="count">Of processors; two or more.</param>
    internal static int Place(int process, int before, int count) => (int)((1 + (uint)process % (uint)(count - 1) + (uint)before) % (uint)count);
}
