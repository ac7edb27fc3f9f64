namespace Vsockspec.Reference.Driver;

/// <summary>How one reference driver is set up.</summary>
public sealed record DriverOptions
{
    /// <summary>Entries of each virtqueue. A power of two, because a split ring wants one.</summary>
    public ushort QueueSize { get; init; } = 128;

    /// <summary>Bytes of one receive buffer, header included.</summary>
    public uint ReceiveBufferBytes { get; init; } = 4096;

    /// <summary>Packets that are kept outside the tx ring while it is full; then packets from the device wait (virtio 1.4 section 5.10.6.1).</summary>
    public int MaxParked { get; init; } = 1024;

    /// <summary>How long the host may leave a SHUTDOWN of both directions without the RST that answers it (section 5.10.6.5).</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long the device may take for an answer on the control connection.</summary>
    public TimeSpan DeviceDeadline { get; init; } = TimeSpan.FromSeconds(5);
}
