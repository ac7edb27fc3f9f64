namespace Vsockspec.Cases;

/// <summary>
/// Judges one case after the other on a target that stays up between them, for callers that decide themselves what runs when, as test frameworks do. A target that died or failed
/// a case is started anew. One thread at a time.
/// </summary>
public sealed class CaseSession : IDisposable
{
    private readonly IBench _bench;
    private TargetFacts? _facts;

    /// <param name="request">Its target, seed and patience count, its runs do not.</param>
    /// <param name="number">From 0; sessions side by side have different ones, and their guests different CIDs.</param>
    public CaseSession(RequirementRegister register, RunRequest request, int number)
    {
        _bench = new SuiteRunner(register).Bench(request, new Nobody(), number);
    }

    /// <exception cref="Targets.TargetException">The target cannot be started or does not speak the transport at all.</exception>
    public CaseResult Run(CaseRun run, CancellationToken cancellation)
    {
        _facts ??= _bench.Probe(cancellation);
        return _bench.Run(run, 1, _facts, cancellation);
    }

    public void Dispose() => _bench.Dispose();

    private sealed class Nobody : IRunListener
    {
        public void TargetProbed(TargetFacts facts)
        {
        }

        public void CaseStarted(CaseRun run, int repetition)
        {
        }

        public void CaseFinished(CaseResult result)
        {
        }
    }
}
