using System.Globalization;
using Vsockspec.Guests;

namespace Vsockspec.Cases.Adopted;

/// <summary>Which side calls the other.</summary>
public enum ClientSide
{
    Guest,
    Host,
}

/// <summary>One test of the kernel's own suite.</summary>
/// <param name="Program">A name of <see cref="VsockTests.Names"/>.</param>
/// <param name="Index">Its place in the program's list; null: the program is asked for all it has at once.</param>
/// <param name="Count">How many tests the program has.</param>
/// <param name="Name">As the list has it.</param>
public sealed record AdoptedTest(string Program, int? Index, int Count, string Name)
{
    private const string Prefix = "LV";

    /// <summary>Those of the programs, and what stands for any in a pattern.</summary>
    private const string Letters = "TDUP*?";

    /// <summary><c>LVT-08</c>: the program's letter and the place in its list, which the kernel's maintainers keep.</summary>
    public string Id => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Letter}-{Index ?? 0:00}");

    /// <summary>One sentence for people.</summary>
    public string Title => string.Create(CultureInfo.InvariantCulture, $"{Program}{(Index is { } index ? $" {index}" : "")}: {Name}");

    /// <summary>True when a pattern over full names speaks of such tests, whichever there are.</summary>
    public static bool IsMeantBy(string pattern) =>
        pattern.Length > Prefix.Length && pattern.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) && Letters.Contains(char.ToUpperInvariant(pattern[Prefix.Length]));

    private char Letter => Program switch
    {
        VsockTests.Test => 'T',
        VsockTests.Diag => 'D',
        VsockTests.Uring => 'U',
        _ => 'P',
    };
}
