using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>A case that was published.</summary>
/// <param name="Id">Permanent.</param>
/// <param name="Name"><see cref="CaseInfo.Name"/>: what the id means.</param>
/// <param name="Since">Version of the suite that had it first.</param>
public sealed record ShippedCase(string Id, string Name, string Since)
{
    /// <summary>A line of the list.</summary>
    public override string ToString() => $"{Id}\t{Name}\t{Since}";
}

/// <summary>
/// Every case that was ever published, from <c>suites/shipped-cases.tsv</c>: one line each of id, name and version, between tabs; <c>#</c> begins a comment. An id in it is
/// for ever that case's: expectations files and old bundles name it.
/// </summary>
public sealed class ShippedCases
{
    /// <summary>Relative to the suites folder.</summary>
    public const string FileName = "shipped-cases.tsv";

    private const int MaxLines = 100_000;

    private ShippedCases(IReadOnlyList<ShippedCase> cases) => Cases = cases;

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<ShippedCase> Cases { get; }

    /// <param name="suites">The folder of the suite's data.</param>
    /// <exception cref="DataFileException">The file or a line is wrong; the message says which.</exception>
    public static ShippedCases Load(string suites)
    {
        string file = Path.Combine(suites, FileName);
        List<ShippedCase> cases = [];
        HashSet<string> ids = new(StringComparer.Ordinal);
        int number = 0;
        foreach (string line in ReadLines(file))
        {
            if (++number > MaxLines)
            {
                throw new DataFileException($"{file}: has more than {MaxLines} lines");
            }

            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            ShippedCase shipped = line.Split('\t') is [{ Length: > 0 } id, { Length: > 0 } name, { Length: > 0 } since]
                ? new ShippedCase(id, name, since)
                : throw new DataFileException($"{file}:{number}: is '{line}'; write id, name and version with tabs between them");
            cases.Add(ids.Add(shipped.Id) ? shipped : throw new DataFileException($"{file}:{number}: {shipped.Id} is there already; an id is never used twice"));
        }

        return new ShippedCases(cases);
    }

    /// <summary>What was published and is no longer so, one sentence each; empty when every id is still that of its case.</summary>
    public IEnumerable<string> Broken(Catalogue catalogue)
    {
        foreach (ShippedCase shipped in Cases)
        {
            if (catalogue.Find(shipped.Id) is not { } info)
            {
                yield return catalogue.Cases.FirstOrDefault(c => c.Name == shipped.Name) is { } moved
                    ? $"{shipped.Id} ({shipped.Name}) has become {moved.Id}; give it back its id"
                    : $"{shipped.Id} ({shipped.Name}) is gone; a published case stays";
            }
            else if (info.Name != shipped.Name)
            {
                yield return $"{shipped.Id} was {shipped.Name} and is now {info.Name}; an id is never given to another case, and a case keeps its name";
            }
        }
    }

    /// <summary>Cases that the list does not have yet, in order of id.</summary>
    public IEnumerable<CaseInfo> NotYetIn(Catalogue catalogue)
    {
        HashSet<string> known = [.. Cases.Select(c => c.Id)];
        return catalogue.Cases.Where(c => !known.Contains(c.Id));
    }

    private static IEnumerable<string> ReadLines(string file) =>
        File.Exists(file) ? File.ReadLines(file) : throw new DataFileException($"{file}: no such file");
}
