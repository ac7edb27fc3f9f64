namespace Vsockspec.Reference;

/// <summary>Our receive buffer for one flow and what the guest was told of it (virtio 1.4 section 5.10.6.3). Counters are modulo 2^32.</summary>
internal struct ReceiveWindow(uint bufAlloc)
{
    /// <summary>Size of the buffer; never changes.</summary>
    public readonly uint BufAlloc = bufAlloc;

    /// <summary>Payload bytes that came from the guest.</summary>
    public uint Received;

    /// <summary>Payload bytes that left the buffer: the host socket has them.</summary>
    public uint Forwarded;

    /// <summary><see cref="Forwarded"/> as the last packet to the guest had it.</summary>
    public uint Told;

    /// <summary>Bytes that the guest, as far as it was told, may still send.</summary>
    public readonly uint Open => BufAlloc - (Received - Told);

    /// <summary>More than the guest was given room for. What it was told is at most what is true, so a legal sender never gets here and the buffer never overflows.</summary>
    public readonly bool IsOverrunBy(uint length) => length > Open;

    /// <summary>
    /// There is news, and half of the buffer is used up as far as the guest knows; or the guest's own buffer is smaller and half of that was forwarded. A guest may
    /// keep no more in flight than it could take itself, as Linux does, and would wait for news that our larger buffer does not make due.
    /// </summary>
    public readonly bool IsUpdateDue(uint peerBufAlloc) =>
        Told != Forwarded && (Open < BufAlloc / 2 || (peerBufAlloc < BufAlloc && (int)(Forwarded - Told) >= (int)(peerBufAlloc / 2)));
}
