using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>The driver of guests that a manifest describes.</summary>
/// <param name="guests">Boots them.</param>
public sealed class DriverTarget(TargetManifest manifest, IGuestSource guests) : IDriverTarget
{
    public string Name => manifest.Name;

    public string? Version => manifest.Version;

    public TargetRole Role => TargetRole.Driver;

    public string Transport => manifest.Transport;

    public string? Digest => null;

    public IReadOnlyList<string>? Claims => manifest.Claims;

    public bool CanRestart => true;

    public IGuestSource Guests => guests;
}
