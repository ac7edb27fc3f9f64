using System.Globalization;
using System.Security.Cryptography;
using Vsockspec.Cases.Adopted;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>A failure of a target that is known and borne until a date.</summary>
/// <param name="Case">Glob over full names of cases.</param>
/// <param name="FailureCode">The way it fails; another way is a new failure.</param>
/// <param name="Link">Where it is being worked on, or told in full.</param>
/// <param name="Owner">Who sees to it.</param>
/// <param name="Expires">The last day on which it is borne.</param>
/// <param name="Clause">The clause that is broken; null where the reason says enough.</param>
/// <param name="Source">File and function of the target at fault; null when unknown.</param>
/// <param name="Fix">The change that mends it upstream; null when there is none.</param>
public sealed record KnownFailure(
    string Case,
    string FailureCode,
    string Reason,
    string Link,
    string Owner,
    DateOnly Expires,
    string? Clause = null,
    string? Source = null,
    string? Fix = null);

/// <summary>
/// The known failures of one target. The cases are run all the same: a failure as expected becomes <see cref="Verdict.KnownFailure"/>,
/// a pass <see cref="Verdict.UnexpectedPass"/>; a changed failure code and an expired entry stay failures.
/// </summary>
public sealed class Expectations
{
    // What is appended to an observation begins so.
    private const string KnownButChanged = "known to fail as '";
    private const string KnownButExpired = "known failure expired on ";
    private const string KnownButPassed = "passed, but is known to fail: ";
    private const string Known = "known failure: ";
    private const string KnownButNotAsked = "known to fail, but could not be asked: ";

    private static readonly string[] Notes = [KnownButChanged, KnownButExpired, KnownButPassed, Known, KnownButNotAsked];

    private readonly DateOnly _today;

    private Expectations(IReadOnlyList<KnownFailure> entries, DateOnly today, string sha256)
    {
        Entries = entries;
        Sha256 = sha256;
        _today = today;
    }

    /// <summary>Nothing is expected to fail.</summary>
    public static Expectations None { get; } = new([], DateOnly.MinValue, "");

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<KnownFailure> Entries { get; }

    /// <summary>Of the file; empty for <see cref="None"/>.</summary>
    public string Sha256 { get; }

    /// <param name="cases">All that the target can be asked: an entry for another one would never be looked at.</param>
    /// <param name="adopted">
    /// All cases of the adopted suite that is run; null: none is. Only its programs know which tests there are, so that otherwise entries about such are left unchecked.
    /// </param>
    /// <exception cref="DataFileException">The file is wrong, an entry matches no case, or two entries match the same one.</exception>
    public static Expectations Load(string file, IEnumerable<CaseRun> cases, DateOnly today, IReadOnlyList<CaseRun>? adopted = null)
    {
        string[] own = [.. cases.Select(run => run.FullName)];
        string[]? others = adopted?.Select(run => run.FullName).ToArray();
        Dictionary<string, string> entryByCase = new(StringComparer.Ordinal);
        List<KnownFailure> known = [];
        foreach ((YamlMap row, KnownFailure entry) in ReadRows(YamlMap.Load(file)))
        {
            bool isOfAdopted = AdoptedTest.IsMeantBy(entry.Case);
            string[] matched = [.. ((isOfAdopted ? others : own) ?? []).Where(name => Glob.Matches(entry.Case, name))];
            if (matched.Length == 0 && (!isOfAdopted || others is not null))
            {
                throw row.Error("case", $"is '{entry.Case}', which matches no case that this target can be asked; remove the entry or correct it");
            }

            foreach (string name in matched)
            {
                if (!entryByCase.TryAdd(name, entry.Case))
                {
                    throw row.Error("case", $"is '{entry.Case}', which matches {name}, as '{entryByCase[name]}' does already; let only one of them");
                }
            }

            known.Add(entry);
        }

        return new Expectations(known, today, Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))));
    }

    /// <summary>The entries of a file, whatever cases there are, each with the number of its first line, from 1.</summary>
    /// <param name="file">Name for messages.</param>
    /// <exception cref="DataFileException">The file is wrong.</exception>
    public static IEnumerable<(int Line, KnownFailure Entry)> Parse(string file, string text) => ReadRows(YamlMap.Parse(file, text)).Select(r => (r.Row.Line, r.Entry));

    /// <summary>The result as it counts: changed only where an entry matches.</summary>
    public CaseResult Apply(CaseResult result)
    {
        if (Find(result) is not { } known)
        {
            return result;
        }

        string told = $"{known.Reason} ({known.Link}, {known.Owner})";
        return result.Verdict switch
        {
            Verdict.Fail when known.FailureCode != result.FailureCode =>
                With(result, Verdict.Fail, $"{KnownButChanged}{known.FailureCode}', but failed as '{result.FailureCode}'"),
            Verdict.Fail when _today > known.Expires => With(result, Verdict.Fail, $"{KnownButExpired}{known.Expires:yyyy-MM-dd}: {told}"),
            Verdict.Fail => With(result, Verdict.KnownFailure, Known + told),
            Verdict.Pass or Verdict.NonStrict or Verdict.Informational => With(result, Verdict.UnexpectedPass, $"{KnownButPassed}{told}; remove the entry"),
            Verdict.NotSupported or Verdict.NotApplicable => With(result, result.Verdict, KnownButNotAsked + told),
            _ => result,
        };
    }

    /// <summary>What was observed, without what <see cref="Apply"/> has added; null when nothing was.</summary>
    public static string? ObservedAlone(CaseResult result)
    {
        if (result.Observed is not { } text || Notes.Any(note => text.StartsWith(note, StringComparison.Ordinal)))
        {
            return null;
        }

        int end = Notes.Select(note => text.LastIndexOf("; " + note, StringComparison.Ordinal)).Max();
        return end < 0 ? text : text[..end];
    }

    /// <summary>What became of each entry in a run, in the order of the file.</summary>
    public IReadOnlyList<ExpectationUse> Account(IEnumerable<CaseResult> results)
    {
        ILookup<KnownFailure, CaseResult> byEntry = results.Select(r => (Result: r, Entry: Find(r))).Where(p => p.Entry is not null).ToLookup(p => p.Entry!, p => p.Result);
        return
        [
            .. Entries.Select(entry => new ExpectationUse(
                entry.Case,
                entry.FailureCode,
                entry.Reason,
                entry.Link,
                entry.Owner,
                entry.Expires,
                _today > entry.Expires,
                new SortedDictionary<Verdict, int>(byEntry[entry].CountBy(r => r.Verdict).ToDictionary(c => c.Key, c => c.Value)))),
        ];
    }

    private KnownFailure? Find(CaseResult result) => Entries.FirstOrDefault(k => Glob.Matches(k.Case, result.FullName));

    private static CaseResult With(CaseResult result, Verdict verdict, string note) =>
        result with { Verdict = verdict, Observed = result.Observed is null ? note : $"{result.Observed}; {note}" };

    private static IEnumerable<(YamlMap Row, KnownFailure Entry)> ReadRows(YamlMap map)
    {
        map.AllowOnly("expectations");
        foreach (YamlMap row in map.Maps("expectations"))
        {
            row.AllowOnly("case", "failureCode", "reason", "link", "owner", "expires", "clause", "source", "fix");
            yield return (row, new KnownFailure(row.Text("case"), row.Text("failureCode"), row.Text("reason"), row.Text("link"), row.Text("owner"), ReadDate(row))
            {
                Clause = row.OptionalText("clause"),
                Source = row.OptionalText("source"),
                Fix = row.OptionalText("fix"),
            });
        }
    }

    private static DateOnly ReadDate(YamlMap row) =>
        DateOnly.TryParseExact(row.Text("expires"), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly date)
            ? date
            : throw row.Error("expires", $"is '{row.Text("expires")}'; write a date: 2031-12-31");
}
