using Vsockspec.Guests.Protocol;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>How a program in a guest ended, and what it wrote.</summary>
/// <param name="Result">Its status as wait(2) gives it; EINTR when it was killed because the call was cancelled, another errno when it did not start.</param>
/// <param name="Written">Bytes of standard output and standard error in all.</param>
/// <param name="Output">The end of them, fit to be printed.</param>
public sealed record GuestProgramEnd(GuestResult Result, ulong Written, string Output)
{
    private const int SignalMask = 0x7f;

    /// <summary>It ended by itself, with exit code 0.</summary>
    public bool Succeeded => Result is { Errno: 0, Value: 0 };

    /// <summary><c>exit code 1</c>, <c>signal 11 (SIGSEGV)</c>, or why there is neither.</summary>
    public string Status => !Result.Succeeded
        ? Result.Errno == GuestResult.Interrupted ? "killed" : $"not started: {Result}"
        : (Result.Value & SignalMask) is not 0 and var signal
            ? ProcessStatus.Describe(128 + (int)signal)
            : $"exit code {(Result.Value >> 8) & 0xff}";
}

public sealed partial class AgentClient
{
    /// <summary>What is kept of a program's output.</summary>
    private const int OutputTail = 32 << 10;

    /// <summary>Runs a program of the guest to its end, without input; the newest 32 KiB of its output are kept.</summary>
    /// <param name="path">Absolute, in the guest.</param>
    /// <param name="arguments">At most <see cref="AgentProtocol.MaxArguments"/>.</param>
    /// <param name="limit">Its cancellation kills the program with its children, and what it has written so far is still told.</param>
    /// <exception cref="GuestTimeoutException">The deadline passed; the program is gone.</exception>
    public Task<GuestProgramEnd> Execute(string path, IReadOnlyList<string> arguments, CallLimit limit = default)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(arguments.Count, AgentProtocol.MaxArguments, nameof(arguments));
        MessageWriter request = Begin(AgentCall.Execute).Add(path).Add(arguments.Count);
        foreach (string argument in arguments)
        {
            request.Add(argument);
        }

        return Full(
            AgentCall.Execute,
            request.Add(OutputTail),
            (GuestResult result, ref MessageReader more) => new GuestProgramEnd(result, more.UInt64(), Printable.Clean(more.Text())),
            limit);
    }
}
