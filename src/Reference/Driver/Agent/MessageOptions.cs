namespace Vsockspec.Reference.Driver;

/// <summary>MSG_... of send(2) and recv(2), as Linux numbers them; others are ignored.</summary>
[Flags]
internal enum MessageOptions
{
    None = 0,
    OutOfBand = 1,
    Peek = 2,
    Truncated = 0x20,
    DontWait = 0x40,
    EndOfRecord = 0x80,
    WaitAll = 0x100,
}
