using Vsockspec.Guests;
using Vsockspec.Peers;

namespace Vsockspec.Cases;

/// <summary>What a case that scripts sockets in a guest works with, whichever side is judged.</summary>
public interface IGuestScript
{
    /// <summary>The agent in the guest.</summary>
    AgentClient Agent { get; }

    Timeline Timeline { get; }

    ulong Seed { get; }

    /// <summary>The only source of chance in a case, so that a replay repeats it.</summary>
    Random Random { get; }

    /// <summary>Waits for what the guest was told to do, everything else going on meanwhile.</summary>
    T Await<T>(Task<T> call);
}
