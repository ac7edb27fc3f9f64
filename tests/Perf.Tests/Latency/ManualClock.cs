namespace Vsockspec.Perf.Tests.Latency;

/// <summary>Time that passes only when it is told to.</summary>
internal sealed class ManualClock : TimeProvider
{
    private TimeSpan now = TimeSpan.FromHours(1);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => now.Ticks;

    public void Advance(TimeSpan by) => now += by;
}
