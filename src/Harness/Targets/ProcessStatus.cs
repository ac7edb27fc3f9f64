namespace Vsockspec.Targets;

/// <summary>How a process ended, in words.</summary>
public static class ProcessStatus
{
    /// <summary>
    /// <c>exit code 101</c> or <c>signal 11 (SIGSEGV)</c>. .NET reports death by signal n as 128+n, as shells do, so an exit code in
    /// that range reads as the signal.
    /// </summary>
    public static string Describe(int exitCode) => exitCode is > 128 and <= 128 + 64
        ? $"signal {exitCode - 128}{NameOf(exitCode - 128)}"
        : $"exit code {exitCode}";

    private static string NameOf(int signal) => signal switch
    {
        1 => " (SIGHUP)",
        2 => " (SIGINT)",
        3 => " (SIGQUIT)",
        4 => " (SIGILL)",
        5 => " (SIGTRAP)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        13 => " (SIGPIPE)",
        14 => " (SIGALRM)",
        15 => " (SIGTERM)",
        24 => " (SIGXCPU)",
        25 => " (SIGXFSZ)",
        31 => " (SIGSYS)",
        _ => "",
    };
}
