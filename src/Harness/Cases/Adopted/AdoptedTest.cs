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
    /// <summary><c>LVT-08</c>: the program's letter and the place in its list, which the kernel's maintainers keep.</summary>
    public string Id => string.Create(CultureInfo.InvariantCulture, $"LV{Letter}-{Index ?? 0:00}");

    /// <summary>One sentence for people.</summary>
    public string Title => string.Create(CultureInfo.InvariantCulture, $"{Program}{(Index is { } index ? $" {index}" : "")}: {Name}");

    private char Letter => Program switch
    {
        VsockTests.Test => 'T',
        VsockTests.Diag => 'D',
        VsockTests.Uring => 'U',
        _ => 'P',
    };
}
