namespace Vsockspec.Reference.Driver;

/// <summary>errno as Linux numbers it on x86-64: what calls of the agent protocol fail with.</summary>
internal static class LinuxErrno
{
    public const int NoSuchFile = 2;
    public const int Interrupted = 4;
    public const int BadDescriptor = 9;
    public const int WouldBlock = 11;
    public const int BadAddress = 14;
    public const int AlreadyExists = 17;
    public const int NoDevice = 19;
    public const int Invalid = 22;
    public const int NotATerminal = 25;
    public const int TooManyFiles = 24;
    public const int BrokenPipe = 32;
    public const int OutOfRange = 34;
    public const int NotImplemented = 38;
    public const int NotASocket = 88;
    public const int MessageTooLong = 90;
    public const int NoProtocolOption = 92;
    public const int ProtocolNotSupported = 93;
    public const int SocketTypeNotSupported = 94;
    public const int NotSupported = 95;
    public const int FamilyNotSupported = 97;
    public const int AddressInUse = 98;
    public const int AddressNotAvailable = 99;
    public const int ConnectionReset = 104;
    public const int NoBufferSpace = 105;
    public const int IsConnected = 106;
    public const int NotConnected = 107;
    public const int TimedOut = 110;
    public const int Already = 114;
    public const int InProgress = 115;
}
