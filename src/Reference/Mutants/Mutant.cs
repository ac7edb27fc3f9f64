namespace Vsockspec.Reference.Mutants;

/// <summary>The reference device with exactly one rule broken, to show that the suite notices.</summary>
/// <param name="Id">Permanent name, <c>credit-ignores-window</c>.</param>
/// <param name="Breaks">The requirement of the register that it breaks.</param>
/// <param name="Summary">What it does wrong, one sentence.</param>
/// <param name="Change">Puts the broken part into a fresh set of parts.</param>
public sealed record Mutant(string Id, string Breaks, string Summary, Func<DeviceParts, DeviceParts> Change)
{
    /// <summary>Parts for one device; every device needs its own.</summary>
    public DeviceParts Parts() => Change(new DeviceParts());

    public override string ToString() => Id;
}

/// <summary>All mutants, in order of id.</summary>
public static class MutantCatalogue
{
    public static IReadOnlyList<Mutant> All { get; } =
    [
        .. ((IEnumerable<Mutant>)
        [
            .. AddressMutants.All,
            .. ConnectionMutants.All,
            .. CreditMutants.All,
            .. FeatureMutants.All,
            .. FlowControlMutants.All,
            .. LifecycleMutants.All,
            .. MessageMutants.All,
            .. PacketMutants.All,
            .. RingMutants.All,
            .. SessionMutants.All,
        ]).OrderBy(m => m.Id, StringComparer.Ordinal),
    ];

    /// <summary>Null when there is none of that name.</summary>
    public static Mutant? Find(string id) => All.FirstOrDefault(m => m.Id == id);
}
