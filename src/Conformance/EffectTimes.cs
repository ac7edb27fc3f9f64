using System.Diagnostics;
using System.Globalization;
using Vsockspec.Cases;

namespace Vsockspec.Conformance;

/// <summary>What follows from an act of the device, and when. The clock starts when this is made.</summary>
internal sealed class EffectTimes(DriverContext c)
{
    private readonly long start = Stopwatch.GetTimestamp();
    private readonly List<(string Name, Func<string?> Look)> awaited = [];
    private readonly List<Task> calls = [];
    private readonly List<(double Ms, string Text)> seen = [];

    private double Now => Stopwatch.GetElapsedTime(start).TotalMilliseconds;

    /// <summary>Waits for the end of a call, and tells it as described.</summary>
    public void Await<T>(string name, Task<T> call, Func<T, string> describe)
    {
        calls.Add(call);
        awaited.Add((name, () => call.IsCompleted ? describe(call.GetAwaiter().GetResult()) : null));
    }

    /// <summary>Waits for something to be so.</summary>
    public void Await(string name, Func<bool> happened) => awaited.Add((name, () => happened() ? "" : null));

    /// <summary>Something that is seen now.</summary>
    public void Note(string text) => seen.Add((Now, text));

    /// <summary>Returns when everything awaited has come, or with the names of what has not.</summary>
    public IReadOnlyList<string> Missing()
    {
        _ = c.Eventually(
            () =>
            {
                awaited.RemoveAll(effect =>
                {
                    if (effect.Look() is not { } text)
                    {
                        return false;
                    }

                    Note(text.Length == 0 ? effect.Name : $"{effect.Name}: {text}");
                    return true;
                });
                return awaited.Count == 0;
            },
            calls);
        return [.. awaited.Select(effect => effect.Name)];
    }

    /// <summary>Milliseconds until the last effect.</summary>
    public double LastMs => Math.Round(seen.Count == 0 ? 0 : seen[^1].Ms, 1);

    public override string ToString() => string.Join("; ", seen.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Ms:0.0} ms {s.Text}")));
}
