using NUnit.Framework;
using Vsockspec.Conformance;
using Vsockspec.Targets;

namespace Vendor.Sample;

/// <summary>The back end that my-backend.yaml describes.</summary>
[TestFixture]
public sealed class MyBackend : VsockspecFixture
{
    protected override TargetManifest Target => Manifest("my-backend.yaml");

    protected override string? Profile => "core-stream";

    protected override bool Quick => true;
}
