namespace Vsockspec.Guests;

/// <summary>How a lab ended.</summary>
public enum LabEnd
{
    /// <summary>The program ended; <see cref="LabOutcome.ExitCode"/> is its own.</summary>
    Exited,

    /// <summary>The machine ended, or a share of it did, before it got as far as the program.</summary>
    NotBooted,

    /// <summary>The machine did not get as far as the program within <see cref="LabPlan.BootLimit"/>.</summary>
    BootTimedOut,

    /// <summary>The machine ended under the program: its kernel panicked, or QEMU died.</summary>
    Crashed,

    /// <summary>The program ran longer than <see cref="LabPlan.Limit"/>.</summary>
    TimedOut,

    /// <summary>It was asked to stop.</summary>
    Stopped,
}

/// <summary>What came of a lab.</summary>
/// <param name="ExitCode">The program's, 128 and more for a signal; null when it did not end by itself.</param>
/// <param name="BootTime">From the start of the machine to that of the program; null when it did not get there.</param>
/// <param name="Console">The last lines of the console, oldest first.</param>
/// <param name="Said">What QEMU and the daemons printed, oldest first.</param>
public sealed record LabOutcome(LabEnd End, int? ExitCode, TimeSpan? BootTime, IReadOnlyList<string> Console, IReadOnlyList<string> Said)
{
    /// <summary>The kernel's own account of its end; null when the console has none.</summary>
    public string? Panic => ConsoleText.Panic(Console);
}
