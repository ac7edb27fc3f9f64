namespace Vsockspec.Reference.Driver.Mutants;

/// <summary>The reference driver with exactly one rule broken, to show that the suite notices.</summary>
/// <param name="Id">Permanent name, <c>driver-credit-ignores-window</c>.</param>
/// <param name="Breaks">The requirement of the register that it breaks.</param>
/// <param name="Summary">What it does wrong, one sentence.</param>
/// <param name="Change">Puts the broken part into a fresh set of parts.</param>
public sealed record DriverMutant(string Id, string Breaks, string Summary, Func<DriverParts, DriverParts> Change)
{
    /// <summary>Parts for one driver; every driver needs its own.</summary>
    public DriverParts Parts() => Change(new DriverParts());

    public override string ToString() => Id;
}

/// <summary>All mutants of the driver, in order of id.</summary>
public static class DriverMutantCatalogue
{
    public static IReadOnlyList<DriverMutant> All { get; } =
    [
        .. ((IEnumerable<DriverMutant>)
        [
            .. DriverFeatureMutants.All,
            .. DriverQueueMutants.All,
            .. DriverRingMutants.All,
            .. DriverPacketMutants.All,
            .. DriverCreditMutants.All,
            .. DriverConnectionMutants.All,
            .. DriverMessageMutants.All,
            .. DriverEventMutants.All,
        ]).OrderBy(m => m.Id, StringComparer.Ordinal),
    ];

    /// <summary>Null when there is none of that name.</summary>
    public static DriverMutant? Find(string id) => All.FirstOrDefault(m => m.Id == id);
}
