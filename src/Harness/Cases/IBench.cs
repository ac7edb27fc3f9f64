using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>Where one worker has its target and judges it, one case after the other. One thread.</summary>
internal interface IBench : IDisposable
{
    /// <summary>Asks the target what it can do.</summary>
    /// <exception cref="TargetException">It does not come up, or does not speak the transport.</exception>
    TargetFacts Probe(CancellationToken cancellation);

    /// <summary>Judges one case, or says why it is not put.</summary>
    /// <exception cref="TargetException">The target cannot be started again.</exception>
    CaseResult Run(CaseRun run, int repetition, TargetFacts facts, CancellationToken cancellation);
}
