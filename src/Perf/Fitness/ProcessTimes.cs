using System.Globalization;

namespace Vsockspec.Perf.Fitness;

/// <summary>What our own processes have used of the processors, in ticks of 10 ms: this one, all that it started, and targets that others started.</summary>
public static class ProcessTimes
{
    // proc(5), /proc/N/stat: "number (name) state parent ...": after the name the parent is the second word, the times are the words 12 to 15.
    private const int Parent = 1;
    private const int FirstTime = 11;
    private const int Times = 4;

    /// <param name="followed">Processes that count as ours though we did not start them.</param>
    public static long Ours(IMachine machine, IReadOnlyCollection<int> followed)
    {
        Dictionary<int, Line> lines = [];
        foreach (string name in machine.Names("/proc"))
        {
            if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int id) && Parse(machine.Read($"/proc/{id}/stat")) is { } line)
            {
                lines.Add(id, line);
            }
        }

        // The kernel's vhost worker carries our device's data and is called by our number.
        string worker = string.Create(CultureInfo.InvariantCulture, $"vhost-{machine.ProcessId}");
        return lines.Where(l => l.Value.Name == worker || IsOurs(l.Key)).Sum(l => l.Value.Ticks);

        bool IsOurs(int id)
        {
            // No chain of parents is longer than there are processes; a list that was read while it changed may have a circle.
            for (int steps = 0; steps <= lines.Count; steps++)
            {
                if (id == machine.ProcessId || followed.Contains(id))
                {
                    return true;
                }

                if (!lines.TryGetValue(id, out Line? line))
                {
                    return false;
                }

                id = line.Parent;
            }

            return false;
        }
    }

    private static Line? Parse(string? stat)
    {
        int open = stat?.IndexOf('(') ?? -1;
        int close = stat?.LastIndexOf(')') ?? -1;
        if (open < 0 || close < open)
        {
            return null;
        }

        string[] words = stat![(close + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < FirstTime + Times || !int.TryParse(words[Parent], NumberStyles.None, CultureInfo.InvariantCulture, out int parent))
        {
            return null;
        }

        // Its own and that of children that it has waited for: what an ended child had used stays in the sum.
        long ticks = words.Skip(FirstTime).Take(Times).Sum(word => long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out long n) ? n : 0);
        return new Line(stat[(open + 1)..close], parent, ticks);
    }

    private sealed record Line(string Name, int Parent, long Ticks);
}
