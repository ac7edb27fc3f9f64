using System.Globalization;
using Vsockspec.Interop;

namespace Vsockspec.Perf.Counting;

/// <summary>The processes of a target, its program and what that started, and what they use.</summary>
public sealed class TargetProcesses
{
    private const int MostProcesses = 256;
    private readonly int[] ids;

    private TargetProcesses(int[] ids) => this.ids = ids;

    /// <summary>Nobody's: what a kernel's device or somebody else's program uses is not known.</summary>
    public static TargetProcesses None { get; } = new([]);

    /// <summary>A process with those that it has started by now.</summary>
    public static TargetProcesses Of(int? id)
    {
        if (id is not { } root)
        {
            return None;
        }

        List<int> found = [root];
        for (int i = 0; i < found.Count && found.Count < MostProcesses; i++)
        {
            found.AddRange(ChildrenOf(found[i]));
        }

        return new TargetProcesses([.. found]);
    }

    /// <summary>False: nothing is known of them.</summary>
    public bool AreKnown => ids.Length > 0;

    /// <summary>Nanoseconds on processors; null: not known.</summary>
    public long? Cpu()
    {
        long sum = 0;
        foreach (int id in ids)
        {
            sum += CpuClock.OfProcess(id) ?? 0;
        }

        return ids.Length == 0 ? null : sum;
    }

    /// <summary>Bytes of memory, shared pages by their share (Pss); null: not known.</summary>
    public long? Memory()
    {
        long sum = 0;
        foreach (int id in ids)
        {
            if (PssOf(id) is not { } bytes)
            {
                return null;
            }

            sum += bytes;
        }

        return ids.Length == 0 ? null : sum;
    }

    /// <summary>Ids of the threads that there are now.</summary>
    public IEnumerable<int> Threads() => ids.SelectMany(ThreadsOf);

    private static IEnumerable<int> ChildrenOf(int id) =>
        ThreadsOf(id).SelectMany(thread => Numbers(Read($"/proc/{id}/task/{thread}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)));

    private static IEnumerable<int> ThreadsOf(int id)
    {
        try
        {
            return Numbers(Directory.GetDirectories($"/proc/{id}/task").Select(path => Path.GetFileName(path)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static IEnumerable<int> Numbers(IEnumerable<string> texts) =>
        [.. texts.Select(text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0).Where(number => number > 0)];

    private static long? PssOf(int id)
    {
        foreach (string line in Read($"/proc/{id}/smaps_rollup").Split('\n'))
        {
            if (line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is ["Pss:", var number, "kB"] && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long kibibytes))
            {
                return kibibytes * 1024;
            }
        }

        return null;
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
