using Vsockspec.Guests;

namespace Vsockspec.Cases;

/// <summary>
/// Holds a case to what the kernel said while it ran. Reports that came between two cases are not lost: they fail the next one, whose text says so.
/// With several workers a report fails every case that ran.
/// </summary>
/// <param name="whose">As texts name the kernel.</param>
internal sealed class KernelWitness(IKernelLog log, string whose = "the kernel") : IDisposable
{
    public const string FailureCode = "kernel-report";

    private IReadOnlyList<KernelReport> before = [];

    public void CaseBegins() => before = Take();

    /// <summary>The result, made a failure by what the kernel reported.</summary>
    public CaseResult Judge(CaseResult result)
    {
        IReadOnlyList<KernelReport> during = Take();
        KernelReport? first = during.Concat(before).FirstOrDefault();
        if (first is null)
        {
            return result;
        }

        string when = during.Count == 0 ? " (after the case before this one)" : "";
        int more = during.Count + before.Count - 1;
        string others = more == 0 ? "" : $"; and {more} more";
        string own = result.Verdict == Verdict.Fail ? $"; the case itself: {result.Observed}" : "";
        return result with
        {
            Verdict = Verdict.Fail,
            FailureCode = FailureCode,
            Expected = $"{whose} reports nothing",
            Observed = $"{whose} reported{when}: {first.Headline}{others}{own}",
            Log = string.Join("\n\n", before.Concat(during).Select(r => r.Text)),
        };
    }

    public void Dispose() => log.Dispose();

    private IReadOnlyList<KernelReport> Take() => [.. log.Take().Where(r => r.Counts)];
}
