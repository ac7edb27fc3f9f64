namespace Vsockspec.Wire;

/// <summary>Packet operations, virtio 1.4 section 5.10.6. Any 16-bit value can be sent; only 1 to 7 are defined.</summary>
public enum Op : ushort
{
    Invalid = 0,
    Request = 1,
    Response = 2,
    Rst = 3,
    Shutdown = 4,
    Rw = 5,
    CreditUpdate = 6,
    CreditRequest = 7,
}

/// <summary>Socket types, virtio 1.4 section 5.10.6.2.</summary>
public enum SocketType : ushort
{
    Stream = 1,
    Seqpacket = 2,
}

/// <summary>
/// The <c>flags</c> of a SHUTDOWN packet as masks. The specification names them as bit numbers 0 and 1 (section 5.10.6.5).
/// </summary>
[Flags]
public enum ShutdownFlags : uint
{
    None = 0,

    /// <summary>The sender of the packet will receive no more data.</summary>
    Receive = 1,

    /// <summary>The sender of the packet will send no more data.</summary>
    Send = 2,
    Both = Receive | Send,
}

/// <summary>The <c>flags</c> of a seqpacket RW packet, virtio 1.4 section 5.10.6.6.1.</summary>
[Flags]
public enum SeqpacketFlags : uint
{
    None = 0,
    EndOfMessage = 1,
    EndOfRecord = 2,
}
