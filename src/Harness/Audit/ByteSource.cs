using System.Buffers.Binary;

namespace Vsockspec.Audit;

/// <summary>Reads an untrusted file from start to end; knows where it is and never reads more than there is.</summary>
internal sealed class ByteSource(Stream stream, string name)
{
    // Generous: the largest packet has 32 + 44 bytes and a payload of 64 KiB, but others may be in the file too.
    private const int MaxPiece = 16 << 20;
    private readonly byte[] scrap = new byte[4096];

    public string Name => name;

    public long Position { get; private set; }

    public bool IsBigEndian { get; set; }

    public ushort UInt16(ReadOnlySpan<byte> bytes) =>
        IsBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    public uint UInt32(ReadOnlySpan<byte> bytes) =>
        IsBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    public ulong UInt64(ReadOnlySpan<byte> bytes) =>
        IsBigEndian ? BinaryPrimitives.ReadUInt64BigEndian(bytes) : BinaryPrimitives.ReadUInt64LittleEndian(bytes);

    /// <summary>Fills the span. False at the end of the file, before the first byte.</summary>
    public bool TryRead(Span<byte> into, string what)
    {
        int done = ReadUpTo(into);
        if (done == 0 && into.Length > 0)
        {
            return false;
        }

        if (done < into.Length)
        {
            throw CutOff(what);
        }

        return true;
    }

    public byte[] Read(long length, string what)
    {
        if (length > MaxPiece)
        {
            throw Bad(what, $"has {length} bytes; at most {MaxPiece} make sense");
        }

        if (stream.CanSeek && stream.Length - Position < length)
        {
            throw CutOff(what);
        }

        byte[] bytes = new byte[length];
        if (ReadUpTo(bytes) < bytes.Length)
        {
            throw CutOff(what);
        }

        return bytes;
    }

    public void Skip(long length, string what)
    {
        while (length > 0)
        {
            int n = (int)Math.Min(length, scrap.Length);
            if (ReadUpTo(scrap.AsSpan(0, n)) < n)
            {
                throw CutOff(what);
            }

            length -= n;
        }
    }

    public CaptureException Bad(string field, string problem) =>
        CaptureException.At(name, Position, $"{field} {problem}; the file is damaged or not a capture: take it again");

    private CaptureException CutOff(string what) =>
        CaptureException.At(name, Position, $"the file ends in the middle of {what}; copy the whole file, or stop the capture with Ctrl-C before you copy it");

    private int ReadUpTo(Span<byte> into)
    {
        try
        {
            int done = stream.ReadAtLeast(into, into.Length, throwOnEndOfStream: false);
            Position += done;
            return done;
        }
        catch (IOException e)
        {
            throw CaptureException.Of(name, $"cannot be read: {e.Message}", e);
        }
    }
}
