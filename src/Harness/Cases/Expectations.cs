using System.Globalization;
using Vsockspec.Cases.Adopted;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>A failure of a target that is known and borne until a date.</summary>
/// <param name="Case">Glob over full names of cases.</param>
/// <param name="FailureCode">The way it fails; another way is a new failure.</param>
/// <param name="Link">Where it is being worked on, or told in full.</param>
/// <param name="Expires">The last day on which it is borne.</param>
/// <param name="Clause">The clause that is broken; null where the reason says enough.</param>
/// <param name="Source">File and function of the target at fault; null when unknown.</param>
/// <param name="Fix">The change that mends it upstream; null when there is none.</param>
public sealed record KnownFailure(
    string Case,
    string FailureCode,
    string Reason,
    string Link,
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
    private readonly IReadOnlyList<KnownFailure> _known;
    private readonly DateOnly _today;

    private Expectations(IReadOnlyList<KnownFailure> known, DateOnly today)
    {
        _known = known;
        _today = today;
    }

    /// <summary>Nothing is expected to fail.</summary>
    public static Expectations None { get; } = new([], DateOnly.MinValue);

    /// <param name="adopted">
    /// All cases of the adopted suite that is run; null: none is. Only its programs know which tests there are, so that otherwise entries about such are left unchecked.
    /// </param>
    /// <exception cref="DataFileException">The file is wrong, or an entry matches no case of the catalogue or of the adopted suite.</exception>
    public static Expectations Load(string file, Catalogue catalogue, DateOnly today, IReadOnlyList<CaseRun>? adopted = null)
    {
        YamlMap map = YamlMap.Load(file);
        map.AllowOnly("expectations");
        List<KnownFailure> known = [];
        foreach (YamlMap row in map.Maps("expectations"))
        {
            row.AllowOnly("case", "failureCode", "reason", "link", "expires", "clause", "source", "fix");
            KnownFailure entry = new(row.Text("case"), row.Text("failureCode"), row.Text("reason"), row.Text("link"), ReadDate(row))
            {
                Clause = row.OptionalText("clause"),
                Source = row.OptionalText("source"),
                Fix = row.OptionalText("fix"),
            };
            bool isOfAdopted = AdoptedTest.IsMeantBy(entry.Case);
            IEnumerable<CaseRun> cases = isOfAdopted ? adopted ?? [] : catalogue.Runs;
            if ((adopted is not null || !isOfAdopted) && !cases.Any(run => Glob.Matches(entry.Case, run.FullName)))
            {
                throw row.Error("case", $"is '{entry.Case}', which matches no case; remove the entry or correct it");
            }

            known.Add(entry);
        }

        return new Expectations(known, today);
    }

    /// <summary>The result as it counts: changed only where an entry matches.</summary>
    public CaseResult Apply(CaseResult result)
    {
        if (_known.FirstOrDefault(k => Glob.Matches(k.Case, result.FullName)) is not { } known)
        {
            return result;
        }

        return result.Verdict switch
        {
            Verdict.Fail when known.FailureCode != result.FailureCode =>
                With(result, Verdict.Fail, $"known to fail as '{known.FailureCode}', but failed as '{result.FailureCode}'"),
            Verdict.Fail when _today > known.Expires => With(result, Verdict.Fail, $"known failure expired on {known.Expires:yyyy-MM-dd}: {known.Reason} ({known.Link})"),
            Verdict.Fail => With(result, Verdict.KnownFailure, $"known failure: {known.Reason} ({known.Link})"),
            Verdict.Pass or Verdict.NonStrict => With(result, Verdict.UnexpectedPass, $"passed, but is known to fail: {known.Reason} ({known.Link}); remove the entry"),
            _ => result,
        };
    }

    private static CaseResult With(CaseResult result, Verdict verdict, string note) =>
        result with { Verdict = verdict, Observed = result.Observed is null ? note : $"{result.Observed}; {note}" };

    private static DateOnly ReadDate(YamlMap row) =>
        DateOnly.TryParseExact(row.Text("expires"), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly date)
            ? date
            : throw row.Error("expires", $"is '{row.Text("expires")}'; write a date: 2031-12-31");
}
