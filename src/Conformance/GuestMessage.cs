namespace Vsockspec.Conformance;

/// <summary>Flags of one send or receive, as Linux numbers them.</summary>
internal static class GuestMessage
{
    /// <summary>MSG_PEEK.</summary>
    public const int Peek = 2;

    /// <summary>MSG_TRUNC: asked for, the length of the whole message; told, that the buffer was too short for it.</summary>
    public const int Truncated = 0x20;

    /// <summary>MSG_DONTWAIT.</summary>
    public const int DontWait = 0x40;

    /// <summary>MSG_EOR.</summary>
    public const int EndOfRecord = 0x80;

    /// <summary>MSG_WAITALL.</summary>
    public const int WaitAll = 0x100;

    /// <summary>MSG_ERRQUEUE.</summary>
    public const int ErrorQueue = 0x2000;

    /// <summary>MSG_ZEROCOPY.</summary>
    public const int ZeroCopy = 0x400_0000;
}
