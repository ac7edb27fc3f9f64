namespace Vsockspec.Cases;

/// <summary>The result of a case in whose middle the run ended: the machine or the harness was gone before there was one.</summary>
public static class InterruptedCase
{
    public const string PanicCode = "kernel-panic";
    public const string InterruptedCode = "interrupted";

    /// <param name="runSeed">Seed of the run.</param>
    /// <param name="panic">What the kernel under test said when it panicked; null: why the run ended is not known.</param>
    public static CaseResult Judge(CaseRun run, int repetition, ulong runSeed, RequirementRegister register, string? panic)
    {
        CaseResult result = CaseExecution.Begin(run, repetition, runSeed, register) with { Termination = Termination.TargetExited };
        return panic is null
            ? result with
            {
                Verdict = Verdict.Inconclusive,
                FailureCode = InterruptedCode,
                Observed = "the run ended in the middle of this case",
            }
            : result with
            {
                Verdict = Verdict.Fail,
                FailureCode = PanicCode,
                Expected = "the kernel goes on",
                Observed = $"the kernel panicked: {Headline(panic)}",
                Log = panic,
            };
    }

    /// <summary>The line that says why.</summary>
    private static string Headline(string panic)
    {
        string[] lines = panic.Split('\n');
        return lines.FirstOrDefault(l => l.Contains("Kernel panic", StringComparison.Ordinal)) ?? lines[0];
    }
}
