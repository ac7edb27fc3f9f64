namespace Vsockspec.Perf.Fitness;

/// <summary>What is looked at of a machine. Tests put machines in its place that are busy, slow down, or are suspended.</summary>
public interface IMachine
{
    /// <summary>Our own process.</summary>
    int ProcessId { get; }

    /// <summary>A file of /proc or /sys; null when it is not there, or not for us to read.</summary>
    string? Read(string path);

    /// <summary>The names in a folder of /proc or /sys, in order; none when it is not there.</summary>
    IReadOnlyList<string> Names(string folder);

    ClockReading Clocks();

    /// <summary>Does the same work each time, for about a tenth of a second.</summary>
    Calibration Calibrate();
}

/// <summary>Three clocks at one moment.</summary>
/// <param name="Monotonic">What everything is measured with. Stands still while the machine is suspended.</param>
/// <param name="Boot">Goes on while the machine is suspended.</param>
/// <param name="Realtime">The time of day, since 1970: may be set.</param>
public readonly record struct ClockReading(TimeSpan Monotonic, TimeSpan Boot, TimeSpan Realtime);

/// <summary>How fast the machine does a fixed piece of work.</summary>
/// <param name="CopyBytesPerSecond">One thread copies 64 KiB within its cache: the clock of a core, and what others leave of it.</param>
/// <param name="RoundTripMicroseconds">Two threads on one core wake each other through eventfds: system calls and switches.</param>
public sealed record Calibration(double CopyBytesPerSecond, double RoundTripMicroseconds);
