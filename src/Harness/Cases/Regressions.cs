using System.Text.RegularExpressions;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>A bug that an implementation of vsock really had; cases that would have caught it name it.</summary>
public sealed record Regression
{
    /// <summary>Permanent id, <c>KB-A1</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Who had it.</summary>
    public required IReadOnlyList<string> Components { get; init; }

    /// <summary>What was wrong, one line.</summary>
    public required string Title { get; init; }

    /// <summary>What people saw of it, and why.</summary>
    public required string Symptom { get; init; }

    /// <summary>What triggers it, by the letters of <see cref="RegressionRegister.Kinds"/>.</summary>
    public required IReadOnlyList<string> Kinds { get; init; }

    /// <summary>CVE ids and links to the upstream change; empty while there is none.</summary>
    public required IReadOnlyList<string> Fixes { get; init; }

    /// <summary>Links to reports.</summary>
    public required IReadOnlyList<string> Reports { get; init; }

    /// <summary>Why no case can catch it; null when cases do.</summary>
    public string? NotTriggerable { get; init; }

    internal RegressionHint Hint => new(Id, Title, Fixes, Reports);
}

/// <summary>Where the same failure was seen before. Help for whoever reads a report, never part of a verdict.</summary>
/// <param name="Regression">Id of the row, <c>KB-A1</c>.</param>
/// <param name="Fixes">CVE ids and links to the upstream change; empty while there is none.</param>
/// <param name="Reports">Links to reports.</param>
public sealed record RegressionHint(string Regression, string Title, IReadOnlyList<string> Fixes, IReadOnlyList<string> Reports)
{
    /// <summary><c>seen before: TITLE, fixed by CVE-... https://...</c>.</summary>
    public override string ToString() =>
        $"seen before: {Title}, {(Fixes.Count > 0 ? "fixed by " + string.Join(' ', Fixes) : "reported in " + string.Join(' ', Reports))}";
}

/// <summary>All bugs from the field, from <c>suites/regressions/known-bugs.yaml</c>.</summary>
public sealed partial class RegressionRegister
{
    /// <summary>
    /// What can trigger a bug: packets to a device (D), shapes of rings and descriptors (Q), steps of a life cycle (C), packets to a driver (V),
    /// sockets (S), load (L), the host's control socket (H).
    /// </summary>
    public const string Kinds = "DQCVSLH";

    private readonly Dictionary<string, Regression> _byId;

    private RegressionRegister(IReadOnlyList<Regression> regressions)
    {
        Regressions = regressions;
        _byId = regressions.ToDictionary(r => r.Id, StringComparer.Ordinal);
    }

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<Regression> Regressions { get; }

    /// <summary>Null when there is no such row.</summary>
    public Regression? Find(string id) => _byId.GetValueOrDefault(id);

    /// <summary>The cases of a catalogue that name the row, in order of id.</summary>
    public static IEnumerable<CaseInfo> CasesOf(Regression regression, Catalogue catalogue) =>
        catalogue.Cases.Where(c => c.Attribute.Regressions.Contains(regression.Id, StringComparer.Ordinal));

    /// <summary>The result with a hint for each bug that its case names, when the target failed; the verdict is never touched.</summary>
    public CaseResult Hint(CaseResult result, Catalogue catalogue)
    {
        if (result.Verdict is not (Verdict.Fail or Verdict.NonStrict or Verdict.KnownFailure))
        {
            return result;
        }

        string[] named = catalogue.Find(result.Id)?.Attribute.Regressions ?? [];
        return named.Length == 0 ? result : result with { Hints = [.. named.Select(Find).OfType<Regression>().Select(r => r.Hint)] };
    }

    /// <summary>The register of the suite that comes with the program.</summary>
    public static RegressionRegister Load() => Load(SuiteData.Folder);

    /// <param name="suites">The folder of the suite's data.</param>
    /// <exception cref="DataFileException">The file or a field is wrong; the message says which.</exception>
    public static RegressionRegister Load(string suites)
    {
        YamlMap map = YamlMap.Load(Path.Combine(suites, "regressions", "known-bugs.yaml"));
        map.AllowOnly("regressions");
        List<Regression> regressions = [];
        HashSet<string> ids = new(StringComparer.Ordinal);
        foreach (YamlMap row in map.Maps("regressions"))
        {
            Regression regression = Read(row);
            if (!ids.Add(regression.Id))
            {
                throw row.Error("id", $"is '{regression.Id}', which another row has already; an id is never used twice");
            }

            regressions.Add(regression);
        }

        return new RegressionRegister(regressions);
    }

    private static Regression Read(YamlMap row)
    {
        row.AllowOnly("id", "components", "title", "symptom", "kinds", "fixes", "reports", "notTriggerable");
        string id = row.Text("id");
        if (!RowId().IsMatch(id))
        {
            throw row.Error("id", $"is '{id}'; write KB-, a letter and a number: KB-A1");
        }

        IReadOnlyList<string> fixes = row.OptionalTexts("fixes") ?? [];
        IReadOnlyList<string> reports = row.OptionalTexts("reports") ?? [];
        RefuseUnless(row, "fixes", fixes, text => CveId().IsMatch(text) || IsLink(text), "a CVE id or an https link");
        RefuseUnless(row, "reports", reports, IsLink, "an https link");
        return fixes.Count + reports.Count == 0
            ? throw row.Error("fixes", "is empty, and so is 'reports'; say where the bug was mended, or at least reported")
            : new Regression
            {
                Id = id,
                Components = SomeTexts(row, "components"),
                Title = row.Text("title"),
                Symptom = row.Text("symptom"),
                Kinds = ReadKinds(row),
                Fixes = fixes,
                Reports = reports,
                NotTriggerable = row.OptionalText("notTriggerable"),
            };
    }

    private static IReadOnlyList<string> ReadKinds(YamlMap row)
    {
        IReadOnlyList<string> kinds = SomeTexts(row, "kinds");
        RefuseUnless(row, "kinds", kinds, kind => kind.Length == 1 && Kinds.Contains(kind, StringComparison.Ordinal), $"one of {string.Join(", ", Kinds.ToCharArray())}");
        return kinds;
    }

    private static IReadOnlyList<string> SomeTexts(YamlMap row, string field) =>
        row.OptionalTexts(field) is { Count: > 0 } texts ? texts : throw row.Error(field, "is missing or empty; give a list with at least one element");

    private static void RefuseUnless(YamlMap row, string field, IReadOnlyList<string> texts, Func<string, bool> isGood, string wanted)
    {
        if (texts.FirstOrDefault(t => !isGood(t)) is { } bad)
        {
            throw row.Error(field, $"has '{bad}'; write {wanted}");
        }
    }

    private static bool IsLink(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme == Uri.UriSchemeHttps && uri.AbsolutePath.Length > 1 && !text.Any(char.IsWhiteSpace);

    [GeneratedRegex("^KB-[A-Z][0-9]+$")]
    private static partial Regex RowId();

    [GeneratedRegex("^CVE-[0-9]{4}-[0-9]{4,}$")]
    private static partial Regex CveId();
}
