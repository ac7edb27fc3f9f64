using System.Globalization;
using System.Numerics;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Plans;

/// <summary>Lists of a plan that multiply out: each value once, in the order given.</summary>
public static class PlanList
{
    /// <summary>Whole numbers within bounds.</summary>
    /// <param name="usual">When the field is not there; empty: it must be.</param>
    /// <param name="what">What the numbers are, for messages: <c>connections</c>.</param>
    /// <exception cref="DataFileException">Missing, empty, a value that is none of these, or twice the same.</exception>
    public static IReadOnlyList<int> Numbers(YamlMap map, string field, int min, int max, string what, params IReadOnlyList<int> usual) => Each(
        map,
        field,
        usual,
        $"a list of {what}",
        text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= min && value <= max
            ? value
            : throw map.Error(field, $"has '{text}'; write {what} as whole numbers from {min} to {max}"));

    /// <summary>As <see cref="Numbers"/>, powers of two only.</summary>
    /// <exception cref="DataFileException">Missing, empty, a value that is none of these, or twice the same.</exception>
    public static IReadOnlyList<int> PowersOfTwo(YamlMap map, string field, int min, int max, string what, params IReadOnlyList<int> usual)
    {
        IReadOnlyList<int> values = Numbers(map, field, min, max, what, usual);
        foreach (int value in values.Where(v => !BitOperations.IsPow2(v)))
        {
            throw map.Error(field, $"has {value}; write {what} as powers of two, {1 << BitOperations.Log2((uint)value)} or {2 << BitOperations.Log2((uint)value)} in its place");
        }

        return values;
    }

    /// <summary>Words, each of which means something.</summary>
    /// <exception cref="DataFileException">Missing, empty, an unknown word, or twice the same.</exception>
    public static IReadOnlyList<T> Words<T>(YamlMap map, string field, IReadOnlyDictionary<string, T> known, params IReadOnlyList<T> usual) => Each(
        map,
        field,
        usual,
        $"a list: [{string.Join(", ", known.Keys)}]",
        text => known.TryGetValue(text, out T? value) ? value : throw map.Error(field, $"has '{text}'{Suggestion.For(text, known.Keys)}; known are: {string.Join(", ", known.Keys)}"));

    private static IReadOnlyList<T> Each<T>(YamlMap map, string field, IReadOnlyList<T> usual, string wanted, Func<string, T> read)
    {
        if (map.OptionalTexts(field) is not { } texts)
        {
            return usual.Count > 0 ? usual : throw map.Error(field, $"is missing; give {wanted}");
        }

        if (texts.Count == 0)
        {
            throw map.Error(field, $"is empty; give {wanted}{(usual.Count > 0 ? ", or leave it out" : "")}");
        }

        List<T> values = [];
        foreach (string text in texts)
        {
            T value = read(text);
            if (values.Contains(value))
            {
                throw map.Error(field, $"has '{text}' twice; write each value once");
            }

            values.Add(value);
        }

        return values;
    }
}
