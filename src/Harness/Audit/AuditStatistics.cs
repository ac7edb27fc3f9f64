namespace Vsockspec.Audit;

/// <summary>What went over the rings of one session. "Sent" is towards the device.</summary>
public record struct AuditStatistics
{
    public long RxKicks { get; set; }

    public long TxKicks { get; set; }

    public ulong RxCalls { get; set; }

    public ulong TxCalls { get; set; }

    public long PacketsSent { get; set; }

    public long PacketsReceived { get; set; }

    /// <summary>Payload bytes of RW packets.</summary>
    public ulong BytesSent { get; set; }

    public ulong BytesReceived { get; set; }

    public long CreditUpdatesSent { get; set; }

    public long CreditUpdatesReceived { get; set; }

    public long CreditRequestsReceived { get; set; }

    public long Fences { get; set; }
}
