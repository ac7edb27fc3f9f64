namespace Vsockspec.Reference.Driver;

/// <summary>What is known of the host's receive buffer (virtio 1.4 section 5.10.6.3). All counters wrap at 2^32.</summary>
internal sealed class SendWindow
{
    public uint PeerBufAlloc { get; set; }

    public uint PeerFwdCnt { get; set; }

    /// <summary>Payload bytes that were sent.</summary>
    public uint Sent { get; set; }

    /// <summary>Bytes that were sent and that the host has not taken out of its buffer.</summary>
    public uint OnTheWay => Sent - PeerFwdCnt;

    /// <summary>A CREDIT_REQUEST is out, and no news has come since.</summary>
    public bool HasAsked { get; set; }
}
