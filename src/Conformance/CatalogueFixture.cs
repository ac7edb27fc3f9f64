using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Reference.Mutants;
using Vsockspec.Targets;

namespace Vsockspec.Conformance;

/// <summary>
/// The whole catalogue against the reference device, or the target that the manifest named by <c>VSOCKSPEC_TARGET</c> describes.
/// </summary>
[TestFixture]
public sealed class CatalogueFixture : CaseFixture
{
    /// <summary>A mutant of the reference to run instead, by id: to see with a debugger how a case catches it.</summary>
    private static readonly Mutant? Mutant = Environment.GetEnvironmentVariable("VSOCKSPEC_MUTANT") is { Length: > 0 } id ? MutantCatalogue.Find(id) : null;

    protected override IEnumerable<CaseRun> Runs => Catalogue.RunsOver(OpenTarget().Transport);

    protected override IDeviceTarget OpenTarget() =>
        Environment.GetEnvironmentVariable("VSOCKSPEC_TARGET") is { Length: > 0 } manifest
            ? TargetManifest.Load(manifest).ToTarget()
            : new ReferenceTarget(Mutant?.Id ?? "reference", Mutant is null ? () => new() : Mutant.Parts);
}
