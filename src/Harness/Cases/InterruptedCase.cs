namespace Vsockspec.Cases;

/// <summary>The result of a case in whose middle the run ended: the machine or the harness was gone before there was one.</summary>
public static class InterruptedCase
{
    public const string PanicCode = "kernel-panic";
    public const string InterruptedCode = "interrupted";
    public const string TranslatorCode = "lab-broke";

    /// <summary>
    /// A breakpoint that nobody waits for any more: a kernel that patches its code sets one for a moment (arch/x86/kernel/alternative.c, text_poke_bp),
    /// and a translated processor may run into it later. No device brings that about.
    /// </summary>
    private const string StaleBreakpoint = "Oops: int3";

    /// <summary>Why such a case was run a second time.</summary>
    public const string SecondChance = "the lab broke under the first run (" + TranslatorCode + ")";

    /// <summary>The machine broke for a reason of its own, which may not come again in a fresh one.</summary>
    /// <param name="panic">What the kernel under test said when it panicked; null: why the run ended is not known.</param>
    public static bool IsOfTheTranslator(string? panic) => panic?.Contains(StaleBreakpoint, StringComparison.Ordinal) == true;

    /// <param name="runSeed">Seed of the run.</param>
    /// <param name="panic">What the kernel under test said when it panicked; null: why the run ended is not known.</param>
    public static CaseResult Judge(CaseRun run, int repetition, ulong runSeed, RequirementRegister register, string? panic)
    {
        CaseResult result = CaseExecution.Begin(run, repetition, runSeed, register) with { Termination = Termination.TargetExited };
        if (IsOfTheTranslator(panic))
        {
            return result with
            {
                Verdict = Verdict.Inconclusive,
                FailureCode = TranslatorCode,
                Observed = "the kernel ran into a breakpoint that it had set to patch its own code, as happens in a translated machine; run the case again",
                Log = panic,
            };
        }

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
