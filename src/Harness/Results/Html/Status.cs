using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>How a verdict is shown: always a word and a sign, the colour comes on top.</summary>
/// <param name="Word">As people say it.</param>
/// <param name="Style">Class of the style sheet, and name of the icon.</param>
/// <param name="Meaning">One sentence.</param>
internal sealed record Status(string Word, string Style, string Meaning)
{
    public static readonly Status Pass = new("pass", "pass", "The rule was kept.");
    public static readonly Status Fail = new("fail", "fail", "A rule was broken; the packets that prove it are kept.");
    public static readonly Status NotRun = new("not judged", "none", "No test of this run is about it.");

    private static readonly string[] Order =
    [
        "pass", "non-strict", "recorded", "known failure", "fail", "unexpected pass", "inconclusive", "harness error", "not supported", "not applicable",
    ];

    /// <summary>Place in lists: verdicts first, then reasons for having none.</summary>
    public int Rank => Array.IndexOf(Order, Word) is var rank and >= 0 ? rank : Order.Length;

    /// <summary>Somebody should look at it first.</summary>
    public bool NeedsAttention => Style is "fail" or "unsure" or "known";

    public static Status Of(Verdict verdict) => verdict switch
    {
        Verdict.Pass => Pass,
        Verdict.NonStrict => new("non-strict", "loose", "Legal, but not as the specification recommends."),
        Verdict.Fail => Fail,
        Verdict.Informational => new("recorded", "info", "The specification leaves it open; what happened was written down."),
        Verdict.NotSupported => new("not supported", "none", "An optional feature that is neither offered nor claimed."),
        Verdict.NotApplicable => new("not applicable", "none", "The question cannot be put here."),
        Verdict.Inconclusive => new("inconclusive", "unsure", "What was seen is not enough to say."),
        Verdict.HarnessError => new("harness error", "unsure", "The fault is the test suite's or the machine's."),
        Verdict.KnownFailure => new("known failure", "known", "It failed in exactly the way that was announced beforehand."),
        Verdict.UnexpectedPass => new("unexpected pass", "fail", "It passed although it was announced to fail; the announcement is out of date."),
        _ => NotRun,
    };
}
