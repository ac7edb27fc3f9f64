using System.Buffers.Binary;

namespace Vsockspec.Wire;

/// <summary><c>struct virtio_vsock_config</c>, virtio 1.4 section 5.10.4: one le64 guest_cid.</summary>
public readonly record struct VsockConfig(ulong GuestCid)
{
    public const int Size = 8;

    public static VsockConfig Read(ReadOnlySpan<byte> source) => new(BinaryPrimitives.ReadUInt64LittleEndian(source));

    public void Write(Span<byte> destination) => BinaryPrimitives.WriteUInt64LittleEndian(destination, GuestCid);
}

/// <summary><c>struct virtio_vsock_event</c>, virtio 1.4 section 5.10.6.7: one le32 id.</summary>
public readonly record struct VsockEvent(uint Id)
{
    public const int Size = 4;
    public const uint TransportReset = 0;

    public static VsockEvent Read(ReadOnlySpan<byte> source) => new(BinaryPrimitives.ReadUInt32LittleEndian(source));

    public void Write(Span<byte> destination) => BinaryPrimitives.WriteUInt32LittleEndian(destination, Id);
}

/// <summary>Queue numbers, virtio 1.4 section 5.10.2.</summary>
public static class VsockQueue
{
    /// <summary>Device to driver.</summary>
    public const int Rx = 0;

    /// <summary>Driver to device.</summary>
    public const int Tx = 1;
    public const int Event = 2;

    public static string Name(int index) => index switch { Rx => "rx", Tx => "tx", Event => "event", _ => $"queue {index}" };
}
