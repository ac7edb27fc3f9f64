using System.Diagnostics;
using Vsockspec.Rings;

namespace Vsockspec.Audit;

/// <summary>
/// Keeps the packets of a case for its trace: both directions, in the order in which the driver's side saw them, payloads cut to a
/// snap length and the whole bounded, so that a flood costs no more than a megabyte or two.
/// </summary>
public sealed class TraceRecorder : IRingObserver
{
    /// <summary>Bytes kept of a packet, header included.</summary>
    public const int SnapLength = 300;

    private const int MaxBytes = 2 << 20;
    private readonly DateTime startedAt = DateTime.UtcNow;
    private readonly long startedTicks = Stopwatch.GetTimestamp();
    private readonly List<Kept> kept = [];
    private byte[] bytes = new byte[4096];
    private int length;

    /// <summary>Packets seen, kept or not.</summary>
    public int PacketCount { get; private set; }

    /// <summary>Packets left out because the trace was full.</summary>
    public int Dropped { get; private set; }

    public void SentPacket(uint id, ReadOnlySpan<byte> packet) => Keep(packet, fromDevice: false);

    public void ReceivedPacket(uint id, ReadOnlySpan<byte> packet) => Keep(packet, fromDevice: true);

    public void Posted(int queue, uint id, ReadOnlySpan<RingBuffer> buffers)
    {
    }

    public void Published(int queue)
    {
    }

    public void Kicked(int queue)
    {
    }

    public void Called(int queue, ulong count)
    {
    }

    public void Used(int queue, UsedChain chain)
    {
    }

    public void Fenced()
    {
    }

    public void Violated(string requirement, int queue, string detail)
    {
    }

    /// <summary>Writes the trace as pcapng; findings become comments of their packets.</summary>
    public void Save(string path, IReadOnlyList<Finding> findings)
    {
        using FileStream file = File.Create(path);
        using PcapngWriter writer = new(file, Dropped > 0 ? $"{Dropped} later packets are left out: the trace was full" : null);
        foreach (Kept packet in kept)
        {
            string? comment = findings.Count == 0 ? null : string.Join("; ", findings.Where(f => f.Packet == packet.Number).Select(f => $"{f.Requirement}: {f.Detail}"));
            writer.Write(
                startedAt + Stopwatch.GetElapsedTime(startedTicks, packet.Ticks),
                packet.FromDevice,
                bytes.AsSpan(packet.Start, packet.Length),
                packet.OriginalLength,
                string.IsNullOrEmpty(comment) ? null : comment);
        }
    }

    private void Keep(ReadOnlySpan<byte> packet, bool fromDevice)
    {
        PacketCount++;
        int take = Math.Min(packet.Length, SnapLength);
        if (length + take > MaxBytes)
        {
            Dropped++;
            return;
        }

        if (length + take > bytes.Length)
        {
            Array.Resize(ref bytes, Math.Max(bytes.Length * 2, length + take));
        }

        packet[..take].CopyTo(bytes.AsSpan(length));
        kept.Add(new Kept(PacketCount, Stopwatch.GetTimestamp(), fromDevice, length, take, packet.Length));
        length += take;
    }

    private readonly record struct Kept(int Number, long Ticks, bool FromDevice, int Start, int Length, int OriginalLength);
}
