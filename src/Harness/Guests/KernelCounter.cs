using System.Globalization;
using System.Text.RegularExpressions;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>
/// Counts what the running kernel does, by a tracing instance of its own (Documentation/trace/ftrace.rst). Needs root and a mounted tracefs, as
/// in the lab. Disposing ends the tracing. One thread at a time.
/// </summary>
public sealed partial class KernelCounter : IDisposable
{
    private const string Instances = "/sys/kernel/tracing/instances";

    /// <summary>Lines of the trace that are looked at for tasks.</summary>
    private const int MaxLines = 5000;

    private static int s_last;
    private readonly string _folder;

    private KernelCounter() =>
        _folder = Path.Combine(Instances, string.Create(CultureInfo.InvariantCulture, $"vsockspec-{Environment.ProcessId}-{Interlocked.Increment(ref s_last)}"));

    /// <summary>Whether this process may trace here.</summary>
    public static bool IsPossible => Directory.Exists(Instances) && Environment.IsPrivilegedProcess;

    /// <summary>Counts the calls of a function from now on.</summary>
    /// <exception cref="IOException">The kernel has no such function, or does not trace functions.</exception>
    public static KernelCounter OfFunction(string name) => Begin(counter =>
    {
        counter.Set("set_ftrace_filter", name);
        counter.Set("current_tracer", "function");
    });

    /// <summary>Counts the hits of a trace event from now on.</summary>
    /// <param name="name">Group and event, <c>kvm/kvm_exit</c>.</param>
    /// <exception cref="IOException">The kernel has no such event.</exception>
    public static KernelCounter OfEvent(string name) => Begin(counter => counter.Set($"events/{name}/enable", "1"));

    /// <summary>How often it happened, also where the trace no longer has it.</summary>
    public long Count() => Directory.EnumerateDirectories(Path.Combine(_folder, "per_cpu"))
        .SelectMany(cpu => File.ReadLines(Path.Combine(cpu, "stats")))
        .Select(line => StatsLine().Match(line))
        .Where(match => match.Success)
        .Sum(match => long.Parse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture));

    /// <summary>Names of the tasks that did it, as far as the trace still has them; each once, in order of first appearance.</summary>
    public IReadOnlyList<string> Tasks() =>
    [
        .. File.ReadLines(Path.Combine(_folder, "trace")).Take(MaxLines)
            .Select(line => TaskName().Match(line))
            .Where(match => match.Success)
            .Select(match => Printable.Clean(match.Groups[1].Value))
            .Distinct(StringComparer.Ordinal),
    ];

    public void Dispose()
    {
        if (Directory.Exists(_folder))
        {
            File.WriteAllText(Path.Combine(_folder, "current_tracer"), "nop");
            Directory.Delete(_folder);
        }
    }

    private static KernelCounter Begin(Action<KernelCounter> set)
    {
        KernelCounter counter = new();
        try
        {
            Directory.CreateDirectory(counter._folder);
            set(counter);
            return counter;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            counter.Dispose();
            throw new IOException($"{counter._folder}: {e.Message}", e);
        }
    }

    private void Set(string file, string value) => File.WriteAllText(Path.Combine(_folder, file), value);

    /// <summary>Entries that are in the trace, that were overwritten, and that found no room.</summary>
    [GeneratedRegex(@"^(?:entries|overrun|dropped events): (\d+)$", RegexOptions.CultureInvariant)]
    private static partial Regex StatsLine();

    /// <summary><c>  vhost-1234-1240  [001] d.... 12.3: function &lt;-caller</c>; events have no caller.</summary>
    [GeneratedRegex(@"^\s*(\S.{0,20}?)-\d+\s+\[\d+\]", RegexOptions.CultureInvariant)]
    private static partial Regex TaskName();
}
