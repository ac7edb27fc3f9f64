using Vsockspec.Interop;

namespace Vsockspec.Reference.Driver;

/// <summary>The descriptions of which something has changed, so that calls which wait for them are tried again.</summary>
internal sealed class WakeList
{
    private readonly Queue<Description> changed = new();

    public bool IsEmpty => changed.Count == 0;

    public void Add(Description description) => changed.Enqueue(description);

    public bool TryTake(out Description description) => changed.TryDequeue(out description!);
}

/// <summary>What a descriptor stands for: something that calls can wait for.</summary>
internal abstract class Description(WakeList wakeups)
{
    private readonly List<GuestCall> waiting = [];

    /// <summary>Grows with every change; an edge-triggered event is one that came with a change.</summary>
    public uint Changes { get; private set; }

    /// <summary>On the list of those that have changed.</summary>
    public bool IsWoken { get; set; }

    /// <summary>The calls that wait.</summary>
    public IReadOnlyList<GuestCall> Waiting => waiting;

    /// <summary>What poll(2) says now.</summary>
    public abstract PollEvents Readiness { get; }

    public bool IsNonBlocking { get; set; }

    public void Join(GuestCall call) => waiting.Add(call);

    public void Leave(GuestCall call) => waiting.Remove(call);

    /// <summary>Something is other than before.</summary>
    public void Change()
    {
        Changes++;
        if (!IsWoken)
        {
            IsWoken = true;
            wakeups.Add(this);
        }
    }
}
