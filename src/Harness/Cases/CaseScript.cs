namespace Vsockspec.Cases;

/// <summary>What a case does, by the side that it judges.</summary>
public abstract record CaseScript
{
    private CaseScript()
    {
    }

    /// <summary>The target is a device.</summary>
    public sealed record OfDevice(Action<CaseContext> Body) : CaseScript;

    /// <summary>The target is a driver.</summary>
    public sealed record OfDriver(Action<DriverContext> Body) : CaseScript;

    public static implicit operator CaseScript(Action<CaseContext> body) => new OfDevice(body);

    public static implicit operator CaseScript(Action<DriverContext> body) => new OfDriver(body);
}
