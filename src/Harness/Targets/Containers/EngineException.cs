namespace Vsockspec.Targets.Containers;

/// <summary>
/// The container engine is not there, cannot be used, or broke while it was asked: nothing that the target could be blamed for.
/// </summary>
/// <param name="remedy">What to do about it; null when nothing is known.</param>
public sealed class EngineException(string what, string? remedy = null, Exception? inner = null) : IOException(remedy is null ? what : $"{what}; {remedy}", inner)
{
    public string What { get; } = what;

    public string? Remedy { get; } = remedy;
}
