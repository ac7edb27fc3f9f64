using System.Buffers.Binary;

namespace Vsockspec.Guests.Protocol;

/// <summary>
/// An endless stream of bytes that a seed determines and whose every place can be computed alone (SplitMix64 over a counter): both ends of a
/// connection make it and compare, so that the data itself never crosses the channel.
/// </summary>
public static class SeedStream
{
    private const ulong Step = 0x9e37_79b9_7f4a_7c15;

    /// <summary>The bytes of the stream from a place on.</summary>
    public static void Fill(ulong seed, ulong place, Span<byte> target)
    {
        Span<byte> word = stackalloc byte[sizeof(ulong)];
        int inWord = (int)(place % sizeof(ulong));
        ulong index = place / sizeof(ulong);
        if (inWord != 0)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(word, Word(seed, index++));
            int part = Math.Min(sizeof(ulong) - inWord, target.Length);
            word.Slice(inWord, part).CopyTo(target);
            target = target[part..];
        }

        for (; target.Length >= sizeof(ulong); target = target[sizeof(ulong)..])
        {
            BinaryPrimitives.WriteUInt64LittleEndian(target, Word(seed, index++));
        }

        if (!target.IsEmpty)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(word, Word(seed, index));
            word[..target.Length].CopyTo(target);
        }
    }

    /// <summary>Index of the first byte that is not the stream's; -1 when all are.</summary>
    /// <param name="scratch">At least as long as <paramref name="data"/>; overwritten.</param>
    public static int FirstDifference(ulong seed, ulong place, ReadOnlySpan<byte> data, Span<byte> scratch)
    {
        Span<byte> expected = scratch[..data.Length];
        Fill(seed, place, expected);
        int same = data.CommonPrefixLength(expected);
        return same == data.Length ? -1 : same;
    }

    private static ulong Word(ulong seed, ulong index)
    {
        ulong z = seed + ((index + 1) * Step);
        z = (z ^ (z >> 30)) * 0xbf58_476d_1ce4_e5b9;
        z = (z ^ (z >> 27)) * 0x94d0_49bb_1331_11eb;
        return z ^ (z >> 31);
    }
}
