using System.Buffers.Binary;
using System.Text;

namespace Vsockspec.Guests.Protocol;

/// <summary>Puts values into a payload, little-endian, one after the other. Not thread-safe.</summary>
public sealed class MessageWriter
{
    private byte[] _bytes = new byte[64];
    private int _length;

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    public MessageWriter Add(bool value) => Add((byte)(value ? 1 : 0));

    public MessageWriter Add(byte value)
    {
        Room(sizeof(byte))[0] = value;
        return this;
    }

    public MessageWriter Add(short value)
    {
        BinaryPrimitives.WriteInt16LittleEndian(Room(sizeof(short)), value);
        return this;
    }

    public MessageWriter Add(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(Room(sizeof(int)), value);
        return this;
    }

    public MessageWriter Add(uint value) => Add((int)value);

    public MessageWriter Add(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(Room(sizeof(long)), value);
        return this;
    }

    public MessageWriter Add(ulong value) => Add((long)value);

    /// <summary>A length and the bytes.</summary>
    public MessageWriter Add(ReadOnlySpan<byte> bytes)
    {
        Add(bytes.Length);
        bytes.CopyTo(Room(bytes.Length));
        return this;
    }

    /// <summary>A length in bytes and the text as UTF-8.</summary>
    public MessageWriter Add(string text) => Add(Encoding.UTF8.GetBytes(text));

    private Span<byte> Room(int bytes)
    {
        int needed = checked(_length + bytes);
        if (needed > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(needed, _bytes.Length * 2));
        }

        Span<byte> room = _bytes.AsSpan(_length, bytes);
        _length = needed;
        return room;
    }
}
