using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;

namespace Vsockspec.Guests;

/// <summary>What a system call in a guest returned.</summary>
/// <param name="Value">Its result: a descriptor, a count; -1 for a call that failed.</param>
/// <param name="Errno">Exactly as the guest's kernel gave it; 0 when the call succeeded.</param>
public readonly record struct GuestResult(long Value, int Errno)
{
    /// <summary>EINTR.</summary>
    internal const int Interrupted = 4;

    public bool Succeeded => Errno == 0;

    /// <summary>The result as a descriptor or a count of bytes.</summary>
    /// <exception cref="GuestCallException">The call failed.</exception>
    public int OrThrow(string call) => Succeeded ? (int)Value : throw new GuestCallException(call, Errno);

    public override string ToString() => Succeeded ? $"{Value}" : ErrnoException.Describe(Errno);

    /// <summary>What a reply begins with.</summary>
    internal static GuestResult Of(ReadOnlySpan<byte> reply)
    {
        MessageReader reader = new(reply);
        return Read(ref reader);
    }

    internal static GuestResult Read(ref MessageReader reader) => new(reader.Int64(), reader.Int32());
}

/// <summary>A system call in a guest failed where it was not to.</summary>
public sealed class GuestCallException(string call, int errno) : Exception($"{call} in the guest failed: {ErrnoException.Describe(errno)}")
{
    public int Errno { get; } = errno;
}

/// <summary>How long a call may take, and what ends it early.</summary>
/// <param name="Deadline">Null: <see cref="AgentClient.Patience"/>.</param>
/// <param name="Cancellation">Interrupts the call in the guest: its result is then EINTR.</param>
public readonly record struct CallLimit(TimeSpan? Deadline = null, CancellationToken Cancellation = default);
