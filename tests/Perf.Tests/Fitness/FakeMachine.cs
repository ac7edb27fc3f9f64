using Vsockspec.Perf.Fitness;

namespace Vsockspec.Perf.Tests.Fitness;

/// <summary>A machine of two processors whose time only passes when it is told to; quiet unless something is changed.</summary>
internal sealed class FakeMachine : IMachine
{
    public const int Us = 100;

    public Dictionary<string, string> Files { get; } = [];

    /// <summary>Number, name, parent, ticks.</summary>
    public Dictionary<int, (string Name, int Parent, long Ticks)> Running { get; } = new() { [1] = ("init", 0, 5), [Us] = ("vsockspec", 1, 10) };

    /// <summary>In turn, and again from the first.</summary>
    public IReadOnlyList<Calibration> Speeds { get; set; } = [new(10e9, 3)];

    public TimeSpan Monotonic { get; set; } = TimeSpan.FromHours(1);

    public TimeSpan Suspended { get; set; }

    public TimeSpan Set { get; set; }

    /// <summary>Ticks.</summary>
    public long User { get; set; }

    public long Steal { get; set; }

    private int calibrated;

    public int ProcessId => Us;

    /// <summary>Time passes, in which processes do some work.</summary>
    public void Pass(double seconds, params (int Process, long Ticks)[] work)
    {
        Monotonic += TimeSpan.FromSeconds(seconds);
        foreach ((int process, long ticks) in work)
        {
            Running[process] = Running[process] with { Ticks = Running[process].Ticks + ticks };
            User += ticks;
        }
    }

    public string? Read(string path)
    {
        long all = (long)(2 * 100 * Monotonic.TotalSeconds);
        return path switch
        {
            _ when Files.TryGetValue(path, out string? text) => text,
            "/proc/stat" => $"cpu  {User} 0 0 {all - User - Steal} 0 0 0 {Steal} 0 0\ncpu0 1 2 3\n",
            _ when path.StartsWith("/proc/", StringComparison.Ordinal) && int.TryParse(path.Split('/')[2], out int id) && Running.TryGetValue(id, out var process) =>
                $"{id} ({process.Name}) S {process.Parent} 1 1 0 -1 0 0 0 0 0 {process.Ticks} 0 0 0 20 0 1 0 7",
            _ => null,
        };
    }

    public IReadOnlyList<string> Names(string folder) => folder == "/proc"
        ? [.. Running.Keys.Select(id => $"{id}"), "self", "meminfo"]
        : [.. Files.Keys.Where(f => f.StartsWith(folder + "/", StringComparison.Ordinal)).Select(f => f[(folder.Length + 1)..].Split('/')[0]).Distinct().Order(StringComparer.Ordinal)];

    public ClockReading Clocks() => new(Monotonic, Monotonic + Suspended, TimeSpan.FromDays(20_000) + Monotonic + Suspended + Set);

    public Calibration Calibrate()
    {
        Pass(0.1);
        return Speeds[calibrated++ % Speeds.Count];
    }
}
