namespace Vsockspec.Cases;

/// <summary>A bench that can get something ready for a case while others run. One thread.</summary>
internal interface IForesight
{
    /// <summary>Whether that is so for this case: it is put at all, and needs something of its own.</summary>
    bool PreparesFor(CaseRun run, TargetFacts facts);

    /// <summary>This case will be run soon, on this bench unless another one is faster; null: none that is known. It is got ready while the next one runs.</summary>
    void Prepare(CaseRun? run);
}
