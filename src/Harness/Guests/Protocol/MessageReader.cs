using System.Buffers.Binary;
using System.Text;

namespace Vsockspec.Guests.Protocol;

/// <summary>Takes values out of a payload, in the order in which <see cref="MessageWriter"/> put them in. The bytes are untrusted.</summary>
/// <param name="bytes">The payload.</param>
public ref struct MessageReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public bool Bool() => Byte() switch
    {
        0 => false,
        1 => true,
        var other => throw new MalformedMessageException($"{other} is no truth value"),
    };

    public byte Byte() => Take(sizeof(byte))[0];

    public short Int16() => BinaryPrimitives.ReadInt16LittleEndian(Take(sizeof(short)));

    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

    public uint UInt32() => (uint)Int32();

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)));

    public ulong UInt64() => (ulong)Int64();

    /// <summary>A number of things, at least 0.</summary>
    /// <exception cref="MalformedMessageException">More than <paramref name="limit"/>, or the message ends.</exception>
    public int Count(int limit)
    {
        int count = Int32();
        return count >= 0 && count <= limit ? count : throw new MalformedMessageException($"{count} is not from 0 to {limit}");
    }

    /// <summary>A length and as many bytes; valid while the payload is.</summary>
    public ReadOnlySpan<byte> Bytes() => Take(Count(AgentProtocol.MaxPayload));

    public string Text() => Encoding.UTF8.GetString(Bytes());

    /// <summary>Checks that nothing is left over.</summary>
    public readonly void End()
    {
        if (!_rest.IsEmpty)
        {
            throw new MalformedMessageException($"{_rest.Length} bytes too many");
        }
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length)
        {
            throw new MalformedMessageException($"ends {count - _rest.Length} bytes too early");
        }

        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}

/// <summary>A payload is not what its kind says.</summary>
public sealed class MalformedMessageException(string problem) : Exception($"malformed message: {problem}");
