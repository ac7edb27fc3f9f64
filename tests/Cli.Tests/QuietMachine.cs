using System.Diagnostics;
using Vsockspec.Perf.Fitness;

namespace Vsockspec.Cli.Tests;

/// <summary>A machine that tells nothing of itself but that its clocks go and its speed stays.</summary>
internal sealed class QuietMachine : IMachine
{
    /// <summary>How fast it is the next times; null: always alike.</summary>
    public IReadOnlyList<double>? Speeds { get; init; }

    private int calibrated;

    public int ProcessId => Environment.ProcessId;

    public string? Read(string path) => null;

    public IReadOnlyList<string> Names(string folder) => [];

    public ClockReading Clocks()
    {
        TimeSpan now = Stopwatch.GetElapsedTime(0);
        return new ClockReading(now, now, now);
    }

    public Calibration Calibrate() => new(Speeds is null ? 1e10 : Speeds[calibrated++ % Speeds.Count], 3);
}
