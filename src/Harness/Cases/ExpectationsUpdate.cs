using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>What a run's failures do not say themselves.</summary>
/// <param name="Link">Of new entries; null: nobody said, which is an error as soon as there is a new failure.</param>
/// <param name="Owner">Likewise.</param>
/// <param name="Expires">The last day of new entries.</param>
/// <param name="Renew">Expired entries that still hold get the same last day.</param>
public sealed record UpdateTerms(string? Link, string? Owner, DateOnly Expires, bool Renew);

/// <summary>
/// Makes an expectations file say what a run saw: entries that hold stay as they are, comments and all, entries for what passes go, failures that nobody knew come.
/// </summary>
public sealed class ExpectationsUpdate
{
    private const int MaxReason = 300;

    private static readonly JsonSerializerOptions Quoting = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<string> _done = [];
    private readonly List<string> _leftOut = [];

    private ExpectationsUpdate(string text) => Text = text;

    /// <summary>The new content of the file.</summary>
    public string Text { get; private set; }

    /// <summary>What was added, dropped and renewed, a line each.</summary>
    public IReadOnlyList<string> Done => _done;

    /// <summary>Failures for which no entry can stand, a line each, with the reason.</summary>
    public IReadOnlyList<string> LeftOut => _leftOut;

    /// <param name="file">Name for messages.</param>
    /// <param name="text">What the file has now; null: there is none.</param>
    /// <param name="target">Name of the target, for the heading of a new file.</param>
    /// <exception cref="DataFileException">
    /// The file is wrong, or written in a way that cannot be changed entry by entry; or there are new failures and <paramref name="terms"/> names no owner or link.
    /// </exception>
    public static ExpectationsUpdate Of(string file, string? text, string target, IReadOnlyList<CaseResult> results, UpdateTerms terms, DateOnly today)
    {
        ExpectationsUpdate update = new(text ?? $"# What {Printable.Clean(target)} is known to do wrong; docs/manifest.md tells what the fields mean.\nexpectations:\n");
        update.Change(file, text is null ? [] : EntryText.Split(file, text), results, terms, today);
        return update;
    }

    private void Change(string file, EntryText[] entries, IReadOnlyList<CaseResult> results, UpdateTerms terms, DateOnly today)
    {
        Dictionary<string, CaseResult[]> byName = results.GroupBy(r => r.FullName, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.ToArray(), StringComparer.Ordinal);
        Dictionary<string, Fate> fates = byName.ToDictionary(p => p.Key, p => FateOf(p.Value), StringComparer.Ordinal);
        _leftOut.AddRange(fates.Where(f => f.Value.Unclear is not null).Select(f => $"{f.Key}: {f.Value.Unclear}").Order(StringComparer.Ordinal));
        Dictionary<string, string> unknown = fates.Where(f => f.Value.Code is not null).ToDictionary(f => f.Key, f => f.Value.Code!, StringComparer.Ordinal);
        List<string> lines = [.. Text.TrimEnd('\n').Split('\n')];
        List<KnownFailure> kept = [];
        List<KnownFailure> moved = [];

        // From the last one on, so that the line numbers of those before stay right.
        foreach (EntryText entry in Enumerable.Reverse(entries))
        {
            string[] matched = [.. byName.Keys.Where(name => Glob.Matches(entry.Known.Case, name))];
            string[] holding = [.. matched.Where(name => fates[name].Code == entry.Known.FailureCode)];
            KnownFailure current = entry.Known;
            if (holding.Length > 0 && today > current.Expires)
            {
                current = Renewed(entry, lines, terms);
            }

            foreach (string name in holding)
            {
                unknown.Remove(name);
            }

            bool holds = matched.All(name => holding.Contains(name) || fates[name].SaysNothing) && (holding.Length > 0 || matched.Length == 0 || matched.Any(name => !fates[name].IsNotOffered));
            if (holds)
            {
                kept.Insert(0, current);
                continue;
            }

            lines.RemoveRange(entry.From, entry.To - entry.From);
            _done.Add($"dropped {entry.Known.Case}: {entry.Known.FailureCode}");
            moved.AddRange(holding.Select(name => current with { Case = name }));
        }

        KnownFailure[] added = [.. moved.Concat(unknown.Select(f => New(file, f.Key, f.Value, byName[f.Key][0], terms))).OrderBy(e => e.Case, StringComparer.Ordinal)];
        string margin = entries.Length == 0 ? "  " : entries[0].Margin;
        foreach (KnownFailure entry in added)
        {
            lines.AddRange(Render(entry).Select(line => margin + line));
            _done.Add($"added {entry.Case}: {entry.FailureCode}");
        }

        Settle(lines, kept.Count + added.Length == 0);
        Text = string.Join('\n', lines) + "\n";
        RefuseUnlessItSays(file, [.. kept, .. added]);
    }

    private static KnownFailure New(string file, string name, string code, CaseResult result, UpdateTerms terms) => terms is { Owner: { } owner, Link: { } link }
        ? new KnownFailure(name, code, Reason(result), link, owner, terms.Expires)
        : throw new DataFileException($"{file}: has no entry for {name}, which fails as '{code}'; give --owner and --link for new entries");

    /// <summary>What a case did in all of its repetitions.</summary>
    private static Fate FateOf(CaseResult[] results)
    {
        bool failed = results.Any(IsFailure);
        string?[] ways = [.. results.Select(r => IsFailure(r) ? r.FailureCode : r.Verdict.ToString()).Distinct()];
        return new Fate(
            Code: failed && ways.Length == 1 ? ways[0] : null,
            Unclear: failed
                ? ways is [not null] ? null : $"does not fail in one way ({string.Join(", ", ways.Select(w => w ?? "no failure code"))}); no entry would hold"
                : results.FirstOrDefault(r => r.Verdict is Verdict.Inconclusive or Verdict.HarnessError) is { } unclear
                    ? $"{unclear.Verdict} ({unclear.FailureCode}) is no failure of the target"
                    : null,
            IsNotOffered: results.All(r => r.Verdict == Verdict.NotSupported),
            IsNotAsked: results.All(r => r.Verdict is Verdict.NotSupported or Verdict.NotApplicable));
    }

    private static bool IsFailure(CaseResult result) => result.Verdict is Verdict.Fail or Verdict.KnownFailure;

    private KnownFailure Renewed(EntryText entry, List<string> lines, UpdateTerms terms)
    {
        if (!terms.Renew)
        {
            _leftOut.Add($"{entry.Known.Case}: expired on {entry.Known.Expires:yyyy-MM-dd} and still fails; give --expires to renew it");
            return entry.Known;
        }

        int line = Enumerable.Range(entry.From, entry.To - entry.From).First(i => lines[i].Contains("expires:", StringComparison.Ordinal));
        lines[line] = lines[line].Replace(Date(entry.Known.Expires), Date(terms.Expires), StringComparison.Ordinal);
        _done.Add($"renewed {entry.Known.Case} until {Date(terms.Expires)}");
        return entry.Known with { Expires = terms.Expires };
    }

    private static string Reason(CaseResult result)
    {
        string text = Printable.Clean((Expectations.ObservedAlone(result) ?? result.Title).ReplaceLineEndings(" ")).Trim();
        return text.Length == 0 ? result.Title : text.Length > MaxReason ? text[..MaxReason] + "..." : text;
    }

    private static IEnumerable<string> Render(KnownFailure entry)
    {
        yield return $"- case: {Quote(entry.Case)}";
        yield return $"  failureCode: {Quote(entry.FailureCode)}";
        yield return $"  reason: {Quote(entry.Reason)}";
        yield return $"  link: {Quote(entry.Link)}";
        yield return $"  owner: {Quote(entry.Owner)}";
        foreach ((string name, string? value) in new[] { ("clause", entry.Clause), ("source", entry.Source), ("fix", entry.Fix) })
        {
            if (value is not null)
            {
                yield return $"  {name}: {Quote(value)}";
            }
        }

        yield return $"  expires: {Date(entry.Expires)}";
    }

    /// <summary>Text between quotation marks, which YAML reads as JSON does.</summary>
    private static string Quote(string text) => JsonSerializer.Serialize(text, Quoting);

    private static string Date(DateOnly date) => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>A list without elements is written as such.</summary>
    private static void Settle(List<string> lines, bool empty)
    {
        int head = lines.FindIndex(l => l.StartsWith("expectations:", StringComparison.Ordinal));
        if (head >= 0 && empty)
        {
            lines[head] = "expectations: []";
        }
        else if (head >= 0 && lines[head].TrimEnd() == "expectations: []")
        {
            lines[head] = "expectations:";
        }
    }

    private void RefuseUnlessItSays(string file, KnownFailure[] wanted)
    {
        KnownFailure[] read;
        try
        {
            read = [.. EntryText.Split(file, Text).Select(e => e.Known)];
        }
        catch (DataFileException e)
        {
            throw new DataFileException($"{file}: is written in a way that cannot be changed entry by entry ({e.Message}); write each entry as '- case: ...' on lines of its own", e);
        }

        if (!read.SequenceEqual(wanted))
        {
            throw new DataFileException($"{file}: is written in a way that cannot be changed entry by entry; write each entry as '- case: ...' on lines of its own");
        }
    }

    /// <param name="Code">How the case failed, every time; null: it did not.</param>
    /// <param name="Unclear">Why no entry can stand for it; null: nothing is unclear.</param>
    private sealed record Fate(string? Code, string? Unclear, bool IsNotOffered, bool IsNotAsked)
    {
        /// <summary>Nothing follows from it for an entry that is there.</summary>
        public bool SaysNothing => Unclear is not null || IsNotAsked;
    }

    /// <summary>An entry and the lines that it takes up, with the comment above it.</summary>
    /// <param name="From">From 0.</param>
    /// <param name="To">The first line after it.</param>
    /// <param name="Margin">Spaces before its dash.</param>
    private sealed record EntryText(KnownFailure Known, int From, int To, string Margin)
    {
        public static EntryText[] Split(string file, string text)
        {
            string[] lines = text.Split('\n');
            (int Line, KnownFailure Known)[] entries = [.. Expectations.Parse(file, text)];
            int list = Array.FindIndex(lines, l => l.StartsWith("expectations:", StringComparison.Ordinal));
            List<EntryText> split = [];
            for (int i = 0; i < entries.Length; i++)
            {
                int start = entries[i].Line - 1;
                int end = i + 1 < entries.Length ? entries[i + 1].Line - 1 : lines.Length;
                if (end <= start || !lines[start].TrimStart().StartsWith("- ", StringComparison.Ordinal))
                {
                    throw new DataFileException($"{file}:{start + 1}: this entry shares its line with another, or with the list; write '- case: ...' on a line of its own");
                }

                string margin = lines[start][..lines[start].IndexOf('-', StringComparison.Ordinal)];
                while (end > start + 1 && IsBlankOrComment(lines[end - 1]))
                {
                    end--;
                }

                while (start - 1 > list && lines[start - 1].TrimStart().StartsWith('#') && (i == 0 || start - 1 >= split[i - 1].To))
                {
                    start--;
                }

                split.Add(new EntryText(entries[i].Known, start, end, margin));
            }

            return [.. split];
        }

        private static bool IsBlankOrComment(string line) => line.Trim() is "" or ['#', ..];
    }
}
