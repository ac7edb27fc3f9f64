using System.Runtime.InteropServices;

namespace Vsockspec.Interop;

/// <summary>A <c>struct sockaddr_vm</c> of linux/vm_sockets.h.</summary>
/// <param name="Cid">svm_cid; 0xffffffff is any.</param>
/// <param name="Port">svm_port; 0xffffffff is any.</param>
public readonly record struct VsockAddress(uint Cid, uint Port)
{
    /// <summary>Bytes of the structure.</summary>
    public const int Size = 16;

    /// <summary>AF_VSOCK of sys/socket.h.</summary>
    public const int Family = 40;

    private const int PortOffset = 4;
    private const int CidOffset = 8;

    /// <summary>The address in bytes, reserved fields zero.</summary>
    public void Write(Span<byte> destination)
    {
        destination[..Size].Clear();
        MemoryMarshal.Write(destination, (ushort)Family);
        MemoryMarshal.Write(destination[PortOffset..], Port);
        MemoryMarshal.Write(destination[CidOffset..], Cid);
    }

    public static VsockAddress Read(ReadOnlySpan<byte> source) =>
        new(MemoryMarshal.Read<uint>(source[CidOffset..]), MemoryMarshal.Read<uint>(source[PortOffset..]));
}
