using Vsockspec.Guests.Protocol;

namespace Vsockspec.Reference.Driver;

/// <summary>Why a call that waits has to end.</summary>
internal enum CallEnding
{
    /// <summary>It need not.</summary>
    None,

    /// <summary>A signal: EINTR.</summary>
    Interrupted,

    /// <summary>Its own time is over.</summary>
    Expired,
}

/// <summary>A call of the application that may have to wait. It is tried, and tried again when something that it waits for has changed.</summary>
internal abstract class GuestCall : IExpiring
{
    private Action<GuestCall>? expired;

    public uint Id { get; private set; }

    /// <summary>What it waits for; asked when it begins to wait.</summary>
    public abstract IReadOnlyList<Description> WaitsFor { get; }

    /// <summary>How long it waits; null: without end. Asked when it begins to wait.</summary>
    public virtual TimeSpan? Limit => null;

    /// <summary>The payload of the reply; null: it goes on waiting, which it must not when there is an ending.</summary>
    public abstract byte[]? Attempt(CallEnding ending);

    public void Begin(uint id, Action<GuestCall> whenExpired)
    {
        Id = id;
        expired = whenExpired;
    }

    public void Expire() => expired?.Invoke(this);
}

/// <summary>What a request comes to: a reply at once, or a call that may wait.</summary>
internal readonly record struct CallStart(byte[]? Reply, GuestCall? Call)
{
    public static implicit operator CallStart(byte[] reply) => new(reply, null);

    public static implicit operator CallStart(GuestCall call) => new(null, call);
}

/// <summary>What replies begin with.</summary>
internal static class CallReply
{
    public static byte[] Of(long value) => Begin(value, 0).Written.ToArray();

    public static byte[] Failed(int errno) => Begin(-1, errno).Written.ToArray();

    /// <summary>Of a call that gives nothing but success or failure.</summary>
    public static byte[] OfErrno(int errno) => errno == 0 ? Of(0) : Failed(errno);

    public static MessageWriter Begin(long value, int errno) => new MessageWriter().Add(value).Add(errno);

    /// <summary>A result and bytes beside it.</summary>
    public static byte[] WithBytes(long value, int errno, ReadOnlySpan<byte> bytes) => Begin(value, errno).Add(bytes).Written.ToArray();
}
