namespace Vsockspec.Guests;

/// <summary>What a kernel complains of.</summary>
public enum KernelReportKind
{
    /// <summary>WARN_ON and its like.</summary>
    Warning,

    /// <summary>BUG_ON, a bad access, an Oops.</summary>
    Bug,

    /// <summary>KASAN, KFENCE, UBSAN, KCSAN.</summary>
    Sanitizer,

    /// <summary>The lock checker: a possible deadlock, a wrong context.</summary>
    Lockdep,

    /// <summary>A task that did not get on for two minutes.</summary>
    HungTask,

    /// <summary>A processor that did not get on: a soft lockup or an RCU stall.</summary>
    Stall,
}

/// <summary>One report of a kernel about itself.</summary>
/// <param name="Headline">The line that says what it is, e.g. <c>WARNING: CPU: 1 PID: 77 at drivers/vhost/vsock.c:123 ...</c>.</param>
/// <param name="Text">All its lines, at most 16 KiB.</param>
public sealed record KernelReport(KernelReportKind Kind, string Headline, string Text)
{
    /// <summary>
    /// True when the report counts against the kernel. A processor that does not get on may also be one that the host gave no time, as under a busy
    /// translator: such a report counts only when its stack names vsock or vhost.
    /// </summary>
    public bool Counts =>
        Kind != KernelReportKind.Stall
        || Text.Contains("vsock", StringComparison.OrdinalIgnoreCase)
        || Text.Contains("vhost", StringComparison.OrdinalIgnoreCase);
}
