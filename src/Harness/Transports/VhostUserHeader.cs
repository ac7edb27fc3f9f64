using System.Runtime.InteropServices;

namespace Vsockspec.Transports;

/// <summary>The 12 bytes before every vhost-user payload, in the machine's own byte order. A value: legal or not.</summary>
/// <param name="Request">A <see cref="VhostUserRequest"/> or <see cref="VhostUserBackEndRequest"/>.</param>
/// <param name="Flags">Version in bits 0 and 1, <see cref="Reply"/>, <see cref="NeedReply"/>.</param>
/// <param name="Size">Payload bytes.</param>
public readonly record struct VhostUserHeader(uint Request, uint Flags, uint Size)
{
    /// <summary>Bytes of the header.</summary>
    public const int Length = 12;

    /// <summary>Bits 0 and 1 of the flags.</summary>
    public const uint VersionMask = 3;

    /// <summary>The only version there is.</summary>
    public const uint Version = 1;

    /// <summary>Set on every reply.</summary>
    public const uint Reply = 4;

    /// <summary>Asks for a u64 reply; needs protocol feature REPLY_ACK.</summary>
    public const uint NeedReply = 8;

    /// <summary>
    /// No message that a vsock device sees is longer: the largest are a table of 8 regions (264 bytes) and a configuration
    /// space access (12 + 256 bytes).
    /// </summary>
    public const int MaxPayload = 4096;

    /// <summary>The name of a front end's request.</summary>
    public string Name => VhostUserRequests.Name((VhostUserRequest)Request);

    public static VhostUserHeader Read(ReadOnlySpan<byte> source) => new(
        MemoryMarshal.Read<uint>(source),
        MemoryMarshal.Read<uint>(source[4..]),
        MemoryMarshal.Read<uint>(source[8..]));

    public void Write(Span<byte> destination)
    {
        MemoryMarshal.Write(destination, Request);
        MemoryMarshal.Write(destination[4..], Flags);
        MemoryMarshal.Write(destination[8..], Size);
    }
}
