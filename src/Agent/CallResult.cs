using System.Runtime.InteropServices;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>What a system call returned.</summary>
/// <param name="Errno">0 when it did not fail.</param>
internal readonly record struct CallResult(long Value, int Errno)
{
    /// <summary>Of the system call that this thread made last.</summary>
    public static CallResult Of(long value) => new(value, value < 0 ? Marshal.GetLastPInvokeError() : 0);

    public static CallResult Failed(int errno) => new(-1, errno);

    public byte[] ToReply() => new MessageWriter().Add(Value).Add(Errno).Written.ToArray();

    /// <summary>The beginning of a reply that has more.</summary>
    public MessageWriter Begin() => new MessageWriter().Add(Value).Add(Errno);
}
