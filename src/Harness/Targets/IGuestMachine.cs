namespace Vsockspec.Targets;

/// <summary>What a guest runs in. Disposing ends it.</summary>
public interface IGuestMachine : IDisposable
{
    /// <summary>The process that it is, or is in.</summary>
    int Id { get; }

    bool HasExited { get; }

    /// <summary>What it printed last, oldest first, fit to be shown.</summary>
    IReadOnlyList<string> LastLines { get; }

    /// <summary>Waits until it has ended; false when the time is over first.</summary>
    bool WaitForExit(TimeSpan time);
}
