namespace Vsockspec.Guests.Protocol;

/// <summary>
/// How one part of a scattered buffer is written: its length, or for a part in which there is no memory the length's complement, which is negative.
/// A system call that comes to such a part finds a bad address (EFAULT).
/// </summary>
public static class BufferPart
{
    /// <summary>So many bytes of address space without memory.</summary>
    public static int Unmapped(int length) => ~length;

    public static bool IsUnmapped(int part) => part < 0;

    public static int LengthOf(int part) => part < 0 ? ~part : part;
}
