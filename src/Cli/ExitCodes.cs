namespace Vsockspec.Cli;

/// <summary>Scripts depend on these.</summary>
internal static class ExitCodes
{
    /// <summary>Everything asked for passed.</summary>
    public const int Passed = 0;

    /// <summary>The target failed.</summary>
    public const int TargetFailed = 1;

    /// <summary>The command line, a manifest or another file given by the user is wrong.</summary>
    public const int Usage = 2;

    /// <summary>The harness could not judge: its own fault, an inconclusive result, or it was stopped.</summary>
    public const int Harness = 3;
}

/// <summary>The command line asks for something that does not exist. The message names it and the remedy.</summary>
internal sealed class UsageException(string message) : Exception(message);
