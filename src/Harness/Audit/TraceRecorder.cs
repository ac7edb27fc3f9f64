using System.Buffers.Binary;
using System.Diagnostics;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>
/// Keeps the packets of a case, up to a limit, and writes them to a file that tshark decodes. Packets are numbered from 1 in the order
/// in which the driver sent or saw them, the frame numbers of the file. One thread.
/// </summary>
public sealed class TraceRecorder : IRingObserver
{
    /// <summary>Bytes of a packet that are kept: a header and 4 KiB, so whole packets at the usual size of rx buffers.</summary>
    public const int DefaultSnapLength = VsockHeader.Size + 4096;

    /// <summary>Bytes of a case that are kept.</summary>
    public const int DefaultCapacity = 2 << 20;

    private const int EntrySize = 8 + 4 + 4 + 1;
    private const int FirstBuffer = 4096;
    private readonly int snapLength;
    private readonly int capacity;
    private readonly long startedAt = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
    private readonly long startedTicks = Stopwatch.GetTimestamp();
    private byte[] entries = new byte[FirstBuffer];
    private int used;
    private readonly ChainBook chains;
    private ChainNote[] notes = new ChainNote[32];
    private bool full;

    public TraceRecorder(int snapLength = DefaultSnapLength, int capacity = DefaultCapacity)
        : this(snapLength, capacity, new ChainBook())
    {
    }

    private TraceRecorder(int snapLength, int capacity, ChainBook chains)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(snapLength, VsockHeader.Size);
        this.snapLength = snapLength;
        this.capacity = capacity;
        this.chains = chains;
    }

    /// <summary>Packets seen, kept or not.</summary>
    public int PacketCount { get; private set; }

    /// <summary>Packets kept, the first ones.</summary>
    public int KeptCount { get; private set; }

    /// <summary>Rings are new, with the layout that the features say.</summary>
    public void BeginSession(VirtioFeatures features) =>
        chains.Begin(features.HasFlag(VirtioFeatures.RingPacked) ? RingLayout.Packed : RingLayout.Split);

    /// <summary>A recorder of the packets from here on, which knows the chains that are posted already.</summary>
    public TraceRecorder Next()
    {
        chains.ForgetPackets();
        return new TraceRecorder(snapLength, capacity, chains);
    }

    /// <summary>Writes the trace; how a packet lay in its chain, and each finding, are comments of the packet.</summary>
    /// <param name="label">What the trace is of, the first comment of the file; null: nobody asks.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path, IReadOnlyList<Finding> findings, TraceLabel? label = null)
    {
        using FileStream file = File.Create(path);
        Write(file, findings, label);
    }

    /// <inheritdoc cref="Save"/>
    public void Write(Stream stream, IReadOnlyList<Finding> findings, TraceLabel? label = null)
    {
        string[] first = label is null ? [] : [label.ToString()];
        ILookup<int, string> comments = findings.ToLookup(f => f.Packet >= 1 && f.Packet <= KeptCount ? f.Packet : 0, Describe);
        string[] missing = KeptCount < PacketCount ? [$"{PacketCount - KeptCount} later packets of {PacketCount} were not kept"] : [];
        using PcapngWriter writer = new(stream, "vsockspec", [.. first, .. missing, .. comments[0]]);
        ReadOnlySpan<byte> rest = entries.AsSpan(0, used);
        for (int number = 1; number <= KeptCount; number++)
        {
            long time = BinaryPrimitives.ReadInt64LittleEndian(rest);
            int kept = BinaryPrimitives.ReadInt32LittleEndian(rest[8..]);
            uint original = BinaryPrimitives.ReadUInt32LittleEndian(rest[12..]);
            PacketDirection direction = (PacketDirection)rest[16];
            string[] chain = chains.Describe(notes[number - 1]) is { } text ? [text] : [];
            writer.Write(time, direction, rest.Slice(EntrySize, kept), original, [.. chain, .. comments[number]]);
            rest = rest[(EntrySize + kept)..];
        }
    }

    public void SentPacket(uint id, ReadOnlySpan<byte> packet)
    {
        if (Record(PacketDirection.Outbound, packet))
        {
            AddNote(chains.OfSent(id, KeptCount));
        }
    }

    public void ReceivedPacket(uint id, ReadOnlySpan<byte> packet)
    {
        if (Record(PacketDirection.Inbound, packet))
        {
            AddNote(chains.OfReceived(id));
        }
    }

    public void Posted(int queue, uint id, ReadOnlySpan<RingBuffer> buffers) => chains.Posted(queue, id, buffers, direct: null);

    public void PostedWithTable(int queue, uint id, ReadOnlySpan<RingBuffer> buffers, int direct) => chains.Posted(queue, id, buffers, direct);

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
        if (chains.Used(queue, chain) is { } packet)
        {
            notes[packet - 1] = notes[packet - 1] with { Used = chain.Length };
        }
    }

    public void Renewed(int queue) => chains.Renew(queue);

    public void Fenced()
    {
    }

    public void Violated(string requirement, int queue, string detail)
    {
    }

    private static string Describe(Finding finding) =>
        $"{(finding.Severity == FindingSeverity.Violation ? "violates" : "note on")} {finding.Requirement}: {finding.Detail}";

    private void AddNote(ChainNote note)
    {
        if (notes.Length < KeptCount)
        {
            Array.Resize(ref notes, notes.Length * 2);
        }

        notes[KeptCount - 1] = note;
    }

    /// <summary>True when the packet is kept.</summary>
    private bool Record(PacketDirection direction, ReadOnlySpan<byte> packet)
    {
        if (packet.IsEmpty)
        {
            return false;
        }

        PacketCount++;
        int kept = Math.Min(packet.Length, snapLength);
        full |= (long)used + EntrySize + kept > capacity;
        if (full)
        {
            return false;
        }

        while (entries.Length - used < EntrySize + kept)
        {
            Array.Resize(ref entries, entries.Length * 2);
        }

        Span<byte> entry = entries.AsSpan(used);
        BinaryPrimitives.WriteInt64LittleEndian(entry, startedAt + (long)Stopwatch.GetElapsedTime(startedTicks).TotalNanoseconds);
        BinaryPrimitives.WriteInt32LittleEndian(entry[8..], kept);
        BinaryPrimitives.WriteInt32LittleEndian(entry[12..], packet.Length);
        entry[16] = (byte)direction;
        packet[..kept].CopyTo(entry[EntrySize..]);
        used += EntrySize + kept;
        KeptCount++;
        return true;
    }
}
