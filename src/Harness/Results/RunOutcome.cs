using Vsockspec.Cases;

namespace Vsockspec.Results;

/// <summary>What a run says to whoever started it.</summary>
public static class RunOutcome
{
    /// <summary>The exit code that the results ask for: 0 passed, 1 the target failed or its list of known failures is wrong, 3 harness error or inconclusive.</summary>
    public static int ExitCode(RunReport report)
    {
        int code = Verdicts.ExitCode(report.Cases.Select(c => c.Verdict));
        return code == 0 && Problems(report).Any() ? 1 : code;
    }

    /// <summary>Entries of the expectations file that fail the run, each with what is wrong.</summary>
    public static IEnumerable<(ExpectationUse Entry, string Problem)> Problems(RunReport report) =>
        (report.Expectations?.Entries ?? []).Select(e => (Entry: e, Problem: e.Problem())).Where(p => p.Problem is not null).Select(p => (p.Entry, p.Problem!));
}
