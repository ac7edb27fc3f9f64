namespace Vsockspec.Perf.Workloads;

/// <summary>Which way the data of a transfer goes.</summary>
public enum Direction
{
    GuestToHost,
    HostToGuest,

    /// <summary>Both at once, as much each way.</summary>
    BothWays,
}

/// <summary>Directions by the words of plans and figures.</summary>
public static class Directions
{
    public static readonly IReadOnlyDictionary<string, Direction> ByName = new Dictionary<string, Direction>
    {
        ["guest-to-host"] = Direction.GuestToHost,
        ["host-to-guest"] = Direction.HostToGuest,
        ["both-ways"] = Direction.BothWays,
    };

    public static string NameOf(Direction direction) => ByName.First(entry => entry.Value == direction).Key;
}
