namespace Vsockspec.Perf;

/// <summary>The target did not carry a workload: wrong bytes, a stall, an end. One sentence.</summary>
public sealed class PerfException(string message) : Exception(message);

/// <summary>The target has not what a workload needs. One sentence.</summary>
public sealed class UnsupportedException(string message) : Exception(message);
