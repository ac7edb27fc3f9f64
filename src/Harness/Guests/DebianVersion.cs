namespace Vsockspec.Guests;

/// <summary>
/// Orders versions as dpkg does (deb-version(7)), without epochs, which kernels do not have: runs of digits by value, <c>~</c> before the
/// end, letters before other characters.
/// </summary>
internal sealed class DebianVersion : IComparer<string>
{
    public static readonly DebianVersion Order = new();

    public int Compare(string? x, string? y)
    {
        ReadOnlySpan<char> a = x;
        ReadOnlySpan<char> b = y;
        while (!a.IsEmpty || !b.IsEmpty)
        {
            while (StartsWithoutDigit(a) || StartsWithoutDigit(b))
            {
                int difference = Weight(a) - Weight(b);
                if (difference != 0)
                {
                    return difference;
                }

                a = a[1..];
                b = b[1..];
            }

            ReadOnlySpan<char> m = TakeNumber(ref a);
            ReadOnlySpan<char> n = TakeNumber(ref b);
            int order = m.Length != n.Length ? m.Length - n.Length : m.SequenceCompareTo(n);
            if (order != 0)
            {
                return order;
            }
        }

        return 0;
    }

    private static bool StartsWithoutDigit(ReadOnlySpan<char> text) => !text.IsEmpty && !char.IsAsciiDigit(text[0]);

    /// <summary>Equal weights other than 0 are equal characters, so both texts have one to take.</summary>
    private static int Weight(ReadOnlySpan<char> text) => text switch
    {
        [] => 0,
        ['~', ..] => -1,
        [var c, ..] when char.IsAsciiDigit(c) => 0,
        [var c, ..] => char.IsAsciiLetter(c) ? c : c + 256,
    };

    /// <summary>Takes the leading digits; gives them without leading zeros.</summary>
    private static ReadOnlySpan<char> TakeNumber(ref ReadOnlySpan<char> text)
    {
        int end = text.IndexOfAnyExceptInRange('0', '9');
        ReadOnlySpan<char> digits = end < 0 ? text : text[..end];
        text = text[digits.Length..];
        return digits.TrimStart('0');
    }
}
