using System.Runtime.InteropServices;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>A buffer in one piece of memory that never moves, and the vectors that divide it, with holes where there is no memory, as the client said.</summary>
internal sealed class Scatter
{
    /// <summary>In the first page, which Linux gives to nobody.</summary>
    private const nint NoMemory = 16;

    private readonly Vector[] _vectors;

    private Scatter(byte[] data, Vector[] vectors)
    {
        Data = data;
        _vectors = vectors;
    }

    /// <summary>At least one byte, so that its first can be pointed at.</summary>
    public byte[] Data { get; }

    /// <summary>Sum of the parts that have memory.</summary>
    public int Length { get; private init; }

    public int Count { get; private init; }

    public nint Vectors => Marshal.UnsafeAddrOfPinnedArrayElement(_vectors, 0);

    /// <exception cref="MalformedMessageException">Too many parts, or too large.</exception>
    public static Scatter Read(ref MessageReader reader, int maxBytes)
    {
        int count = reader.Count(AgentProtocol.MaxParts);
        int[] parts = new int[count];
        int total = 0;
        for (int i = 0; i < count; i++)
        {
            parts[i] = reader.Int32();
            int length = BufferPart.LengthOf(parts[i]);
            if (length > maxBytes - total)
            {
                throw new MalformedMessageException($"a buffer of more than {maxBytes} bytes");
            }

            total += BufferPart.IsUnmapped(parts[i]) ? 0 : length;
        }

        byte[] data = GC.AllocateUninitializedArray<byte>(total + 1, pinned: true);
        Vector[] vectors = GC.AllocateArray<Vector>(count + 1, pinned: true);
        int place = 0;
        for (int i = 0; i < count; i++)
        {
            bool isUnmapped = BufferPart.IsUnmapped(parts[i]);
            int length = BufferPart.LengthOf(parts[i]);
            vectors[i] = new Vector { Base = isUnmapped ? NoMemory : Marshal.UnsafeAddrOfPinnedArrayElement(data, place), Length = length };
            place += isUnmapped ? 0 : length;
        }

        return new Scatter(data, vectors) { Length = total, Count = count };
    }
}
