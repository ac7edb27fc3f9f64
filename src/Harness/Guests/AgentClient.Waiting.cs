using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;

namespace Vsockspec.Guests;

/// <summary>What poll(2) in a guest found, in the order of the question.</summary>
public sealed record GuestReadiness(GuestResult Result, IReadOnlyList<PollEvents> Ready);

/// <summary>What epoll_wait(2) in a guest found.</summary>
public sealed record GuestEvents(GuestResult Result, IReadOnlyList<(uint Events, ulong Data)> Events);

public sealed partial class AgentClient
{
    /// <summary>poll(2).</summary>
    /// <param name="timeoutMs">0: looks only; -1: no limit but that of the call.</param>
    public Task<GuestReadiness> Poll(IReadOnlyList<(int Fd, PollEvents Interest)> set, int timeoutMs, CallLimit limit = default)
    {
        MessageWriter request = Begin(AgentCall.Poll).Add(set.Count);
        foreach ((int fd, PollEvents interest) in set)
        {
            request.Add(fd).Add((short)interest);
        }

        return Full(AgentCall.Poll, request.Add(timeoutMs), ReadReadiness, limit);
    }

    public Task<GuestResult> EpollCreate() => Plain(AgentCall.EpollCreate, Begin(AgentCall.EpollCreate));

    /// <summary>epoll_ctl(2).</summary>
    /// <param name="operation">EPOLL_CTL_ADD 1, EPOLL_CTL_DEL 2, EPOLL_CTL_MOD 3.</param>
    public Task<GuestResult> EpollControl(int epoll, int operation, int fd, uint events, ulong data) =>
        Plain(AgentCall.EpollControl, Begin(AgentCall.EpollControl).Add(epoll).Add(operation).Add(fd).Add(events).Add(data));

    public Task<GuestEvents> EpollWait(int epoll, int maxEvents, int timeoutMs, CallLimit limit = default) =>
        Full(AgentCall.EpollWait, Begin(AgentCall.EpollWait).Add(epoll).Add(maxEvents).Add(timeoutMs), ReadEvents, limit);

    private static GuestReadiness ReadReadiness(GuestResult result, ref MessageReader more)
    {
        PollEvents[] ready = new PollEvents[more.Count(AgentProtocol.MaxEvents)];
        for (int i = 0; i < ready.Length; i++)
        {
            ready[i] = (PollEvents)more.Int16();
        }

        return new GuestReadiness(result, ready);
    }

    private static GuestEvents ReadEvents(GuestResult result, ref MessageReader more)
    {
        (uint Events, ulong Data)[] events = new (uint, ulong)[more.Count(AgentProtocol.MaxEvents)];
        for (int i = 0; i < events.Length; i++)
        {
            events[i] = (more.UInt32(), more.UInt64());
        }

        return new GuestEvents(result, events);
    }
}
