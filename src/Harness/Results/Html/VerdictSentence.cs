using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>What a run says, in one sentence for somebody who does not know vsock.</summary>
/// <param name="Headline">Two or three words.</param>
/// <param name="Text">The sentence.</param>
/// <param name="Style">See <see cref="Status.Style"/>.</param>
internal sealed record VerdictSentence(string Headline, string Text, string Style)
{
    public static VerdictSentence Of(RunReport report)
    {
        int failed = Cases(report, Verdict.Fail);
        int outdated = Cases(report, Verdict.UnexpectedPass);
        int stale = RunOutcome.Problems(report).Count();
        int unclear = Cases(report, Verdict.Inconclusive) + Cases(report, Verdict.HarnessError);
        int known = Cases(report, Verdict.KnownFailure);
        string sentence = Finding(report, failed, known) + Caveats(report, outdated, stale, unclear);
        if (report.Run.State != RunState.Complete)
        {
            string so = $"The run did not come to its end ({report.Cases.Count} of {report.Run.Selected} results). So far: ";
            return failed > 0 ? new("Fails", so + sentence, "fail") : new("Not finished", so + sentence, "unsure");
        }

        return (failed, unclear, outdated + stale, report.Cases.Count, known) switch
        {
            ( > 0, _, _, _, _) => new("Fails", sentence, "fail"),
            (_, > 0, _, _, _) => new("No verdict", sentence, "unsure"),
            (_, _, > 0, _, _) => new("Out of date", sentence, "fail"),
            (_, _, _, 0, _) => new("Nothing was tested", sentence, "none"),
            (_, _, _, _, > 0) => new("Passes, with known failures", sentence, "known"),
            _ => new("Passes", sentence, "pass"),
        };
    }

    /// <summary>The same as a certificate puts it: who reads one line reads whether the target is certified. A known failure passes a run and no certificate.</summary>
    public VerdictSentence Under(Certificate? certificate)
    {
        if (certificate is null)
        {
            return this;
        }

        bool isCertified = certificate.Verdict == CertificateVerdict.Certified;
        return this with
        {
            Headline = $"{(isCertified ? "Certified" : "Not certified")}: {char.ToLowerInvariant(Headline[0])}{Headline[1..]}",
            Style = isCertified ? Style : "fail",
        };
    }

    private static string Finding(RunReport report, int failed, int known)
    {
        string name = report.Target.Name;
        if (report.Suite.Adopted is { } adopted)
        {
            int asked = report.Cases.Count(c => c.Verdict is not (Verdict.NotApplicable or Verdict.NotSupported));
            return $"{name} passes {Cases(report, Verdict.Pass)} of {HtmlParts.Count(asked, "test")} of {adopted.Name}, a suite of others that was run here"
                + (failed + known > 0 ? $", and fails {failed + known}." : ".");
        }

        RequirementVerdict[] judged = [.. report.Requirements.Where(r => r.Verdict is not (Verdict.NotSupported or Verdict.NotApplicable))];
        int broken = judged.Count(r => r.Verdict == Verdict.Fail);
        int borne = judged.Count(r => r.Verdict == Verdict.KnownFailure);
        int loose = judged.Count(r => r.Verdict == Verdict.NonStrict);
        string rules = $"{HtmlParts.Count(judged.Length, "rule")} of the virtio-vsock specification that this run checked";
        string also = loose > 0 ? $" {(loose == 1 ? "One recommendation is" : $"{loose} recommendations are")} not followed, which is allowed." : "";
        if (report.Cases.Count == 0)
        {
            return $"No test of {name} has run.";
        }

        if (broken > 0)
        {
            return $"{name} breaks {broken} of the {rules}{(borne > 0 ? $", and {HtmlParts.Count(borne, "more", "more")} in a way that was announced beforehand" : "")}.{also}";
        }

        if (failed > 0)
        {
            return $"{name} fails {HtmlParts.Count(failed, "test")}, though none of the {rules} is broken in so many words.{also}";
        }

        if (known > 0)
        {
            return $"{name} keeps the {rules}, except {(borne > 0 ? $"for {borne} that it was known to break" : $"in {HtmlParts.Count(known, "test")} that it was known to fail")}.{also}";
        }

        return judged.Length == 0
            ? $"{name} was watched, but no rule of the specification was judged."
            : $"{name} keeps {(judged.Length == 1 ? "the" : "all")} {rules}.{also}";
    }

    private static string Caveats(RunReport report, int outdated, int stale, int unclear)
    {
        string text = unclear > 0 ? $" {HtmlParts.Count(unclear, "test")} came to no result." : "";
        text += outdated > 0 ? $" {HtmlParts.Count(outdated, "test")} passed that {(outdated == 1 ? "was" : "were")} announced to fail." : "";
        text += stale > 0 ? $" {HtmlParts.Count(stale, "announcement")} of failures {(stale == 1 ? "is" : "are")} out of date." : "";
        return report.Run.Error is { } error ? $"{text} It was ended by: {error}." : text;
    }

    private static int Cases(RunReport report, Verdict verdict) =>
        report.Cases.Where(c => c.Verdict == verdict).Select(c => c.FullName).Distinct(StringComparer.Ordinal).Count();
}
