using System.Runtime.InteropServices;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>A buffer in one piece of memory that never moves, and the vectors that divide it as the client said.</summary>
internal sealed class Scatter
{
    private readonly Vector[] _vectors;

    private Scatter(byte[] data, Vector[] vectors)
    {
        Data = data;
        _vectors = vectors;
    }

    /// <summary>At least one byte, so that its first can be pointed at.</summary>
    public byte[] Data { get; }

    /// <summary>Sum of the parts.</summary>
    public int Length { get; private init; }

    public int Count { get; private init; }

    public nint Vectors => Marshal.UnsafeAddrOfPinnedArrayElement(_vectors, 0);

    /// <exception cref="MalformedMessageException">Too many parts, or too large.</exception>
    public static Scatter Read(ref MessageReader reader, int maxBytes)
    {
        int count = reader.Count(AgentProtocol.MaxParts);
        int[] lengths = new int[count];
        int total = 0;
        for (int i = 0; i < count; i++)
        {
            lengths[i] = reader.Count(maxBytes - total);
            total += lengths[i];
        }

        byte[] data = GC.AllocateUninitializedArray<byte>(total + 1, pinned: true);
        Vector[] vectors = GC.AllocateArray<Vector>(count + 1, pinned: true);
        int place = 0;
        for (int i = 0; i < count; i++)
        {
            vectors[i] = new Vector { Base = Marshal.UnsafeAddrOfPinnedArrayElement(data, place), Length = lengths[i] };
            place += lengths[i];
        }

        return new Scatter(data, vectors) { Length = total, Count = count };
    }
}
