namespace Vsockspec.Conformance;

/// <summary>errno as Linux numbers it on x86-64.</summary>
internal static class GuestErrno
{
    /// <summary>EINTR.</summary>
    public const int Interrupted = 4;

    /// <summary>EAGAIN.</summary>
    public const int WouldBlock = 11;

    /// <summary>EFAULT.</summary>
    public const int BadAddress = 14;

    /// <summary>EPIPE.</summary>
    public const int BrokenPipe = 32;

    /// <summary>EMSGSIZE.</summary>
    public const int MessageTooLong = 90;

    /// <summary>EOPNOTSUPP.</summary>
    public const int NotSupported = 95;

    /// <summary>EADDRINUSE.</summary>
    public const int AddressInUse = 98;

    /// <summary>ECONNRESET.</summary>
    public const int ConnectionReset = 104;

    /// <summary>ETIMEDOUT.</summary>
    public const int TimedOut = 110;

    /// <summary>EINPROGRESS.</summary>
    public const int InProgress = 115;
}
