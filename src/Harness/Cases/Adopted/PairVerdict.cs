using System.Globalization;
using System.Text.RegularExpressions;

namespace Vsockspec.Cases.Adopted;

/// <summary>What the end of a pair says of the kernels.</summary>
public static partial class PairVerdict
{
    public const string Failed = "test-failed";
    public const string TimedOut = "test-timeout";
    public const string NotBegun = "test-not-begun";
    public const string NoWord = "no-result-line";
    private const string Expected = "both sides of the test end with exit code 0 and say ok";

    /// <summary>Of a test.</summary>
    public static CaseResult Of(CaseResult result, AdoptedTest test, PairEnd end)
    {
        TestSaid[] client = Said(test, end.Client);
        TestSaid[] server = Said(test, end.Server);
        result = result with { Log = end.Log };
        if (!end.InTime || !end.Client.Succeeded || !end.Server.Succeeded)
        {
            // A side that never said the test's name waited for the other: the control connection is ours.
            return client.Length == 0 && server.Length == 0
                ? result with { Verdict = Verdict.HarnessError, FailureCode = NotBegun, Termination = Termination.NotStarted, Observed = Sides(end) }
                : Fail(result, end);
        }

        TestSaid[] both = [.. client, .. server];
        return both.FirstOrDefault(s => s.Word == TestWord.Skipped) is { } skipped
            ? result with { Verdict = Verdict.NotSupported, Observed = skipped.Reason ?? "a side skipped the test" }
            : client.Length > 0 && client.Length == server.Length && both.All(s => s.Word == TestWord.Ok)
                ? result with { Verdict = Verdict.Pass }
                : result with { Verdict = Verdict.HarnessError, FailureCode = NoWord, Observed = $"both sides ended with exit code 0, but not both say ok; {Sides(end)}" };
    }

    /// <summary>Of a measurement: its figures.</summary>
    public static CaseResult OfPerf(CaseResult result, PairEnd end)
    {
        result = result with { Log = end.Log };
        if (!end.InTime || !end.Client.Succeeded || !end.Server.Succeeded)
        {
            return Fail(result, end);
        }

        SortedDictionary<string, string> recorded = new(StringComparer.Ordinal);
        foreach (Match match in Figure().Matches($"{end.Client.Output}\n{end.Server.Output}").Where(m => recorded.Count < 16))
        {
            recorded[$"{match.Groups[1].Value} ({match.Groups[3].Value})"] = match.Groups[2].Value;
        }

        return recorded.Count == 0
            ? result with { Verdict = Verdict.HarnessError, FailureCode = NoWord, Observed = $"both sides ended with exit code 0 and told no figures; {Sides(end)}" }
            : result with
            {
                Verdict = Verdict.Informational,
                Recorded = recorded,
                Observed = string.Join(", ", recorded.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Key}: {p.Value}"))),
            };
    }

    private static CaseResult Fail(CaseResult result, PairEnd end) => result with
    {
        Verdict = Verdict.Fail,
        FailureCode = end.InTime ? Failed : TimedOut,
        Termination = end.InTime ? result.Termination : Termination.Hang,
        Expected = Expected,
        Observed = Sides(end),
    };

    private static TestSaid[] Said(AdoptedTest test, SideEnd side) =>
        [.. TestOutput.Read(side.Output).Where(s => test.Index is null || s.Index == test.Index)];

    private static string Sides(PairEnd end) => $"{Side(end.Client)}; {Side(end.Server)}";

    /// <summary>How it ended, and its last line where that says why.</summary>
    private static string Side(SideEnd side)
    {
        string? last = side.Succeeded ? null : side.Output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).LastOrDefault();
        return $"{side.Who}: {side.Status}{(last is null ? "" : $", \"{last}\"")}";
    }

    [GeneratedRegex(@"^([a-z' ()]{1,60}): ([0-9.]{1,30}) (Gbits/s|sec|ns)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Figure();
}
