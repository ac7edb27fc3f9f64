namespace Vsockspec.Guests.Protocol;

/// <summary>
/// The beginning of a seed's stream over and over. It is made once, so that whoever measures a transfer measures neither the making of its bytes nor more of
/// their checking than a comparison.
/// </summary>
public sealed class RepeatedSeed
{
    private readonly byte[] _bytes;

    /// <param name="longest">Bytes of the longest piece that is asked for.</param>
    public RepeatedSeed(ulong seed, int longest)
    {
        _bytes = GC.AllocateUninitializedArray<byte>(AgentProtocol.RepeatPeriod + longest);
        SeedStream.Fill(seed, 0, _bytes.AsSpan(0, AgentProtocol.RepeatPeriod));
        for (int made = AgentProtocol.RepeatPeriod; made < _bytes.Length;)
        {
            int more = Math.Min(AgentProtocol.RepeatPeriod, _bytes.Length - made);
            _bytes.AsSpan(0, more).CopyTo(_bytes.AsSpan(made));
            made += more;
        }
    }

    /// <summary>The bytes from a place on.</summary>
    /// <param name="length">At most the longest piece.</param>
    public ReadOnlySpan<byte> At(ulong place, int length) => _bytes.AsSpan((int)(place % AgentProtocol.RepeatPeriod), length);

    /// <summary>Index of the first byte that does not belong at the place; -1 when all do.</summary>
    /// <param name="data">At most the longest piece.</param>
    public int FirstDifference(ulong place, ReadOnlySpan<byte> data)
    {
        ReadOnlySpan<byte> expected = At(place, data.Length);
        return data.SequenceEqual(expected) ? -1 : data.CommonPrefixLength(expected);
    }
}
