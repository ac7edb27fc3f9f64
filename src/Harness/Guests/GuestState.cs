using System.Globalization;

namespace Vsockspec.Guests;

/// <summary>What a guest holds when no application of it does anything: the measure for whether it is as good as new after a case.</summary>
/// <param name="Sockets">Sockets of all families (/proc/net/sockstat).</param>
/// <param name="AvailableKiB">MemAvailable.</param>
public sealed record GuestState(int Sockets, long AvailableKiB)
{
    private const string SocketCount = "sockets: used ";

    /// <summary>Memory that a kernel may keep for itself after work: slabs and per-processor lists are given back late.</summary>
    private const long KeptKiB = 24 << 10;

    /// <exception cref="GuestException">The guest does not tell it.</exception>
    public static async Task<GuestState> Of(AgentClient agent)
    {
        Task<GuestValue<string>> sockets = agent.ReadFile("/proc/net/sockstat", 1024);
        Task<GuestCounters> counters = agent.Counters();
        return new GuestState(ParseSockets((await sockets.ConfigureAwait(false)).Value), (await counters.ConfigureAwait(false)).AvailableKiB);
    }

    /// <summary>What is left of work since <paramref name="before"/>; null: nothing that counts.</summary>
    public string? LeftSince(GuestState before)
    {
        if (Sockets > before.Sockets)
        {
            return $"{Sockets - before.Sockets} sockets";
        }

        long kept = before.AvailableKiB - AvailableKiB;
        return kept > KeptKiB ? $"{kept >> 10} MiB of memory" : null;
    }

    internal static int ParseSockets(string text)
    {
        string line = text.Split('\n')[0];
        return line.StartsWith(SocketCount, StringComparison.Ordinal)
            && int.TryParse(line[SocketCount.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
                ? count
                : throw new GuestException("/proc/net/sockstat of the guest does not begin with the number of sockets");
    }
}
