using Vsockspec.Cases;

namespace Vsockspec.Results.Attestation;

/// <summary>
/// Says what follows from the results of a complete run. It uses nothing but the results and the terms, so that whoever has the bundle comes to the same certificate.
/// </summary>
public sealed class CertificateJudge
{
    private readonly RunReport report;
    private readonly CertificateTerms terms;
    private readonly RequirementRegister register;
    private readonly ILookup<string, CaseResult> results;
    private readonly CaseRun[] judged;
    private readonly CaseRun[] open;

    private CertificateJudge(RunReport report, CertificateTerms terms, RequirementRegister register)
    {
        this.report = report;
        this.terms = terms;
        this.register = register;
        results = report.Cases.ToLookup(c => c.FullName, StringComparer.Ordinal);
        ILookup<bool, CaseRun> byCounting = terms.Asked.ToLookup(run => CertificateScope.Counts(run.Case.Requirements, register));
        judged = [.. byCounting[true]];
        open = [.. byCounting[false]];
    }

    public static Certificate Judge(RunReport report, CertificateTerms terms, RequirementRegister register) => new CertificateJudge(report, terms, register).Judge();

    private Certificate Judge()
    {
        CertificateReason[] reasons = [.. judged.SelectMany(OfCase), .. OfAuditor(), .. OfTarget()];
        return new Certificate
        {
            Schema = Certificate.SchemaId,
            Verdict = reasons.Length == 0 ? CertificateVerdict.Certified : CertificateVerdict.NotCertified,
            Statement = State(reasons.Length),
            Reasons = reasons,
            Notes = [.. Notes()],
            Suite = report.Suite,
            Target = Target(),
            Profiles = terms.Profiles,
            Repetitions = terms.Repetitions,
            RunId = report.Run.Id,
            IssuedAt = terms.IssuedAt,
            ValidUntil = terms.ValidUntil,
            Cases = new CertificateCounts(judged.Length, CountVerdicts(), open.Length),
            Skipped = Skipped(),
        };
    }

    private string State(int reasons)
    {
        string target = $"{report.Target.Name}{(report.Target.Version is { } version ? $" {version}" : "")} ({report.Target.Role} over {report.Target.Transport})";
        string asked = $"{(terms.Profiles.Count == 1 ? "profile" : "profiles")} {string.Join(", ", terms.Profiles)} of vsockspec {report.Suite.Version}: "
            + $"{Count(judged.Length, "case")} that {(judged.Length == 1 ? "judges" : "judge")} requirements, each run {terms.Repetitions} times in shuffled order";
        return reasons == 0 ? $"{target} is certified for the {asked}." : $"{target} is not certified, for {Count(reasons, "reason")}. Asked was the {asked}.";
    }

    private IEnumerable<CertificateReason> OfCase(CaseRun run)
    {
        CaseResult[] seen = [.. results[run.FullName]];
        if (seen.Select(c => (c.Verdict, c.FailureCode)).Distinct().Count() > 1)
        {
            yield return Reason("unstable", run, $"does not come out the same each time: {string.Join(", ", seen.OrderBy(c => c.Repetition).Select(Outcome))}");
            yield break;
        }

        if (seen.FirstOrDefault() is not { } result)
        {
            yield break;
        }

        string what = $"{Outcome(result)}{(result.Observed is { } observed ? $": {observed}" : "")}";
        string? code = result.Verdict switch
        {
            Verdict.Fail => "failed",
            Verdict.KnownFailure => "known-failure",
            Verdict.UnexpectedPass => "unexpected-pass",
            Verdict.Inconclusive or Verdict.HarnessError => "not-judged",
            Verdict.NotApplicable when result.FailureCode is not null => "could-not-be-put",
            _ => null,
        };
        if (code is not null)
        {
            yield return Reason(code, run, what);
        }
    }

    /// <summary>What the auditor saw counts wherever it was seen: it speaks of requirements, whatever the case was about.</summary>
    private IEnumerable<CertificateReason> OfAuditor()
    {
        HashSet<string> blocked = [.. judged.SelectMany(run => results[run.FullName]).Where(IsBlocking).Select(c => $"{c.FullName}#{c.Repetition}")];
        return
            from entry in report.Auditor
            where register.Find(entry.Requirement) is { Level: RequirementLevel.Must or RequirementLevel.Described } && !blocked.Contains($"{entry.Case}#{entry.Repetition}")
            group entry by entry.Requirement into seen
            let first = seen.First()
            select new CertificateReason("requirement-broken", first.Case, $"{seen.Key} was broken while {first.Case} ran: packet {first.Packet}: {first.Detail}");
    }

    private IEnumerable<CertificateReason> OfTarget()
    {
        foreach (ClaimedFeature feature in Features().Where(f => f.Claimed && !f.Offered))
        {
            yield return new CertificateReason("claimed-not-offered", null, $"{feature.Name} is claimed and not offered");
        }

        foreach ((ExpectationUse entry, string problem) in RunOutcome.Problems(report))
        {
            yield return new CertificateReason("stale-expectation", null, $"{entry.Case} is announced to fail as '{entry.FailureCode}', and the announcement {problem}");
        }

        if (terms.DigestAfter is not null)
        {
            yield return new CertificateReason("target-changed", null, $"the program was replaced during the run: its SHA-256 was {report.Target.Digest} before and {terms.DigestAfter} after it");
        }
    }

    private IEnumerable<string> Notes()
    {
        if (report.Target.Digest is null)
        {
            yield return report.Target.Role == "driver"
                ? $"What was judged is the driver of its guests, {string.Join(", ", report.Guests.Select(g => g.Release).Distinct(StringComparer.Ordinal))}, and no file of its own: it is named by these, not by a digest."
                : report.Target.Transport == "vhost-kernel"
                ? "What was judged is part of a running system and no file of its own: it is named by its version, not by a digest."
                : "The program that was judged is not known: somebody else had started it.";
        }

        int loose = judged.Count(run => Worst(run) == Verdict.NonStrict);
        if (loose > 0)
        {
            yield return $"{Count(loose, "case")} found something legal that the specification advises against (NonStrict).";
        }

        string[] ended = [.. open.Where(run => Verdicts.ExitCode([Worst(run)]) != 0).Select(run => run.FullName)];
        if (ended.Length > 0)
        {
            yield return $"{Count(ended.Length, "open situation")} ended in a failure, or could not be judged; the specification is silent there, so that decides nothing: {string.Join(", ", ended)}.";
        }

        string[] again = [.. report.Cases.Where(c => c.Repeated is not null).Select(c => c.FullName).Distinct()];
        if (again.Length > 0)
        {
            yield return $"The machine broke for a reason of its own under {string.Join(", ", again)}; what counts is the second run.";
        }
    }

    private CertifiedTarget Target() => new(
        report.Target.Name, report.Target.Version, report.Target.Role, report.Target.Transport, report.Target.Digest, terms.DigestAfter, [.. Features()]);

    private IEnumerable<ClaimedFeature> Features()
    {
        IReadOnlyList<string> claims = report.Target.Claims ?? [];
        string[] offered = [.. report.Target.OfferedFeatures ?? [], .. report.Target.ProtocolFeatures ?? []];
        return offered.Union(claims, StringComparer.Ordinal).Select(name => new ClaimedFeature(name, claims.Contains(name), offered.Contains(name)));
    }

    private SortedDictionary<Verdict, int> CountVerdicts()
    {
        SortedDictionary<Verdict, int> counts = [];
        foreach (CaseRun run in judged)
        {
            Verdict verdict = Worst(run);
            counts[verdict] = counts.GetValueOrDefault(verdict) + 1;
        }

        return counts;
    }

    private SkippedCases[] Skipped() =>
    [
        .. from run in judged
           let result = results[run.FullName].FirstOrDefault()
           where result is { Verdict: Verdict.NotSupported or Verdict.NotApplicable }
           group run.FullName by (result.Verdict, Why: result.Observed ?? "no reason was given") into seen
           select new SkippedCases(seen.Key.Verdict, seen.Key.Why, [.. seen]),
    ];

    private Verdict Worst(CaseRun run) => results[run.FullName].Select(c => c.Verdict).Aggregate(Verdict.NotApplicable, Verdicts.Worst);

    private static bool IsBlocking(CaseResult result) => result.Verdict == Verdict.KnownFailure || Verdicts.ExitCode([result.Verdict]) != 0;

    private static string Outcome(CaseResult result) => result.FailureCode is null ? result.Verdict.ToString() : $"{result.Verdict} ({result.FailureCode})";

    private static CertificateReason Reason(string code, CaseRun run, string what) => new(code, run.FullName, $"{run.FullName}: {what}");

    private static string Count(int count, string what) => count == 1 ? $"1 {what}" : $"{count} {what}s";
}
