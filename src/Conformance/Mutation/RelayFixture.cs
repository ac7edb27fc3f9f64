using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Conformance.Mutation.Relay;
using Vsockspec.Targets;

namespace Vsockspec.Conformance.Mutation;

/// <summary>A device that cannot be changed is caught too when a relay in front of it breaks one rule; one that breaks none is not.</summary>
[TestFixture]
[Category("mutants")]
[Parallelizable(ParallelScope.Children)]
public sealed class RelayFixture
{
    private static readonly IDeviceTarget Device = new ReferenceTarget("reference", () => new());
    private static readonly KillMatrix Matrix = new([.. Catalogue.Of(typeof(RelayFixture).Assembly).RunsOver("vhost-user")], RequirementRegister.Load(), seed: 1);

    public static IEnumerable<TestCaseData> Mutants() => RelayMutants.Of(Device).Select(m => new TestCaseData(m).SetName($"{m.Id} breaks {m.Breaks}"));

    /// <summary>Nothing runs beside it: how soon an honest device answers counts.</summary>
    [Test]
    [NonParallelizable]
    public void Relay_ThatBreaksNothing_IsNotNoticed() =>
        Assert.That(Matrix.FailOn(RelayMutants.Honest(Device), RelayMutants.Of(Device).Select(m => m.Breaks), TestContext.CurrentContext.CancellationToken), Is.Empty);

    [TestCaseSource(nameof(Mutants))]
    public void Relay_ThatBreaksOneRule_IsCaught(Suspect mutant) =>
        Assert.That(Matrix.Judge(mutant, KillScope.Own, TestContext.CurrentContext.CancellationToken).KilledByOwn, Is.True, mutant.Summary);
}
