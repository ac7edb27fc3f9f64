namespace Vsockspec.Audit;

/// <summary>One packet of a capture file.</summary>
/// <param name="Number">From 1, as Wireshark counts.</param>
/// <param name="UnixNanoseconds">When; null when the file does not say.</param>
/// <param name="Bytes">What was captured behind the vsockmon header: transport header and payload.</param>
/// <param name="OriginalLength">Length of those bytes before the packet was cut; at least what was captured.</param>
public sealed record CapturedPacket(int Number, long? UnixNanoseconds, VsockMonHeader Monitor, ReadOnlyMemory<byte> Bytes, uint OriginalLength)
{
    /// <summary>Seen from the driver; unknown when the file does not say.</summary>
    public PacketDirection Direction { get; init; }

    /// <summary>What the file says of the packet; at most <see cref="MaxComments"/>.</summary>
    public IReadOnlyList<string> Comments { get; init; } = [];

    /// <summary>More comments of one packet are left out.</summary>
    public const int MaxComments = 32;
}
