namespace Vsockspec.Cases;

/// <summary>A bench that can get something ready for a case while others run. One thread.</summary>
internal interface IForesight
{
    /// <summary>What was to be got ready is, or has failed.</summary>
    bool IsReady { get; }

    /// <summary>Whether that is so for this case: it is put at all, and needs something of its own.</summary>
    bool PreparesFor(CaseRun run, TargetFacts facts);

    /// <summary>Called before each case that is run.</summary>
    /// <param name="next">A case that will be run soon, on this bench unless another one is faster, and is got ready while the one at hand runs; null: none.</param>
    /// <param name="returns">What other cases ran on before is wanted again.</param>
    void Prepare(CaseRun? next, bool returns);
}
