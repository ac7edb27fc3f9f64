using Vsockspec.Guests.Protocol;

namespace Vsockspec.Reference.Driver;

/// <summary>The calls that wait.</summary>
/// <param name="reply">Hears the id and the reply's payload of each call that ends.</param>
internal sealed class CallTable(Timers timers, WakeList wakeups, Action<uint, byte[]> reply)
{
    private readonly Dictionary<uint, GuestCall> waiting = [];

    public bool HasRoom => waiting.Count < AgentProtocol.MaxConcurrentCalls;

    public void Begin(uint id, GuestCall call)
    {
        if (call.Attempt(CallEnding.None) is { } answer)
        {
            reply(id, answer);
            return;
        }

        if (!waiting.TryAdd(id, call))
        {
            // A client that uses an id twice has nobody to tell the answers apart.
            reply(id, CallReply.Failed(AgentProtocol.Malformed));
            return;
        }

        call.Begin(id, c => End(c, CallEnding.Expired));
        foreach (Description description in call.WaitsFor)
        {
            description.Join(call);
        }

        if (call.Limit is { } limit)
        {
            timers.Set(call, limit);
        }
    }

    /// <summary>Interrupts a call; one that does not wait any more has ended.</summary>
    public void Cancel(uint id)
    {
        if (waiting.TryGetValue(id, out GuestCall? call))
        {
            End(call, CallEnding.Interrupted);
        }
    }

    public void CancelAll()
    {
        foreach (GuestCall call in waiting.Values.ToArray())
        {
            End(call, CallEnding.Interrupted);
        }
    }

    /// <summary>Tries the calls again for which something has changed.</summary>
    public void RunWoken()
    {
        while (wakeups.TryTake(out Description changed))
        {
            changed.IsWoken = false;

            // From the end: a call that ends leaves the list, and only that call does.
            for (int i = changed.Waiting.Count - 1; i >= 0; i--)
            {
                End(changed.Waiting[i], CallEnding.None);
            }
        }
    }

    private void End(GuestCall call, CallEnding ending)
    {
        if (call.Attempt(ending) is not { } answer)
        {
            return;
        }

        timers.Cancel(call);
        waiting.Remove(call.Id);
        foreach (Description description in call.WaitsFor)
        {
            description.Leave(call);
        }

        reply(call.Id, answer);
    }
}
