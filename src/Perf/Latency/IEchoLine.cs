namespace Vsockspec.Perf.Latency;

/// <summary>Something that messages are sent over and come back from, in order. One thread.</summary>
public interface IEchoLine
{
    /// <summary>Messages that have come back.</summary>
    long Returned { get; }

    /// <summary>Gives the next message away; false while the line has no room for it.</summary>
    /// <exception cref="PerfException">The line is broken.</exception>
    bool TrySend();

    /// <summary>Takes in what has come. Never waits.</summary>
    /// <exception cref="PerfException">The line is broken.</exception>
    void Pump();

    /// <summary>Sleeps until more may have come back, at most so long.</summary>
    /// <exception cref="PerfException">The line is broken.</exception>
    void Wait(TimeSpan most);
}
