namespace Vsockspec.Perf;

/// <summary>A measurement that cannot be used: wrong bytes, a stall, a target that went away.</summary>
public sealed class PerfException(string message) : Exception(message);
