using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>
/// One queue as a scripted device has it: takes chains when it is told to, holds them, returns them in any order with any length, notifies or does
/// not. What the driver must not do with a chain is told to the observer by requirement. One thread.
/// </summary>
public sealed class ScriptedQueue
{
    /// <summary>Longer chains are taken, and not looked into.</summary>
    private const ulong LongestPacket = 4 << 20;

    private readonly BackEndQueue queue;
    private readonly IDriverObserver observer;
    private readonly DeviceChain scratch = new();
    private readonly Dictionary<ushort, HeldChain> held = [];
    private HeldChain? next;
    private ulong signals;

    internal ScriptedQueue(BackEndQueue queue, IDriverObserver observer)
    {
        this.queue = queue;
        this.observer = observer;
    }

    /// <summary>See <see cref="VsockQueue"/>.</summary>
    public int Index => queue.Index;

    /// <summary>The ring itself, for a device that misbehaves. What is written past this object is not in its books.</summary>
    public DeviceRing Ring => queue.Ring;

    public GuestMemory Memory => queue.Ring.Memory;

    /// <summary>Notifications by the driver that have arrived.</summary>
    public ulong Kicks { get; private set; }

    /// <summary>Chains taken so far.</summary>
    public long Taken { get; private set; }

    /// <summary>Chains taken and not returned.</summary>
    public int Outstanding => held.Count;

    /// <summary>The driver is asked for kicks before the timeline sleeps. Where it is not, chains are found by looking.</summary>
    public bool WantsKicks { get; set; } = true;

    /// <summary>False: the driver is never notified, whatever it asks for.</summary>
    public bool Calls { get; set; } = true;

    /// <summary>True: chains that are returned are seen by the driver only with <see cref="Publish"/>, all at once.</summary>
    public bool HoldsBack { get; set; }

    /// <summary>The driver took the queue away: nothing of it may be touched any more.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>Why the ring cannot be followed; null while it can.</summary>
    public string? Broken { get; private set; }

    internal int KickFd => queue.Kick?.Fd ?? -1;

    internal bool IsPolled => queue.Polled;

    /// <summary>A chain is there to be taken.</summary>
    public bool HasAvailable => Peek() is not null;

    /// <summary>The next chain, which stays where it is; null when there is none.</summary>
    public HeldChain? Peek()
    {
        if (next is null && !IsStopped && Broken is null)
        {
            next = Take();
        }

        return next;
    }

    /// <summary>Takes the next chain; null when there is none.</summary>
    public HeldChain? TryTake()
    {
        HeldChain? chain = Peek();
        if (chain is not null)
        {
            next = null;
            Taken++;
            held[chain.Id] = chain;
        }

        return chain;
    }

    /// <summary>Bytes of a chain's readable buffers.</summary>
    public byte[] Read(HeldChain chain)
    {
        byte[] bytes = new byte[Math.Min(chain.ReadableBytes, LongestPacket)];
        int at = 0;
        foreach (RingBuffer buffer in chain.Buffers.Take(chain.ReadableCount))
        {
            int piece = (int)Math.Min(buffer.Length, (uint)(bytes.Length - at));
            Memory.Read(buffer.Address, bytes.AsSpan(at, piece));
            at += piece;
        }

        return bytes;
    }

    /// <summary>Writes the beginning of a chain's writable buffers; what does not fit is left out. The number of bytes written.</summary>
    public uint Write(HeldChain chain, ReadOnlySpan<byte> bytes)
    {
        uint done = 0;
        foreach (RingBuffer buffer in chain.Buffers.Skip(chain.ReadableCount))
        {
            int piece = (int)Math.Min(buffer.Length, (uint)bytes.Length);
            Memory.Write(buffer.Address, bytes[..piece]);
            bytes = bytes[piece..];
            done += (uint)piece;
        }

        return done;
    }

    /// <summary>Returns a chain, and notifies the driver if it asked for that.</summary>
    /// <param name="written">What the device says that it wrote, true or not.</param>
    public void Return(HeldChain chain, uint written)
    {
        Complete(chain, written);
        if (!HoldsBack)
        {
            Publish();
        }
    }

    /// <summary>Puts a chain into the used ring; the driver sees it with <see cref="Publish"/>.</summary>
    public void Complete(HeldChain chain, uint written)
    {
        if (chain.Queue != this || IsStopped || !held.Remove(chain.Id))
        {
            return;
        }

        Reexamine(chain);
        queue.Ring.Complete(chain.Id, chain.RingEntries, written);
    }

    /// <summary>Makes completed chains visible, and notifies the driver if it asked for that.</summary>
    public void Publish()
    {
        if (IsStopped)
        {
            return;
        }

        queue.Ring.PublishUsed();
        if (queue.Ring.CallNeeded() && Calls)
        {
            queue.SignalUsed();
        }
    }

    /// <summary>Notifies the driver, whether there is a reason or not.</summary>
    public void Call() => queue.SignalUsed();

    /// <summary>Looks again at every chain that is out: a driver must not change it (virtio 1.4 section 3.3.1).</summary>
    public void ReexamineAll()
    {
        foreach (HeldChain chain in held.Values)
        {
            Reexamine(chain);
        }
    }

    /// <summary>Asks for kicks; true when a chain is there that came before the driver could know.</summary>
    public bool EnableKicks() => !IsStopped && Broken is null && queue.Ring.EnableKicks();

    public void DisableKicks()
    {
        if (!IsStopped)
        {
            queue.Ring.DisableKicks();
        }
    }

    /// <summary>Takes in kicks that have arrived; the number of them.</summary>
    internal ulong DrainKicks()
    {
        ulong kicks = IsStopped ? 0 : (queue.Kick?.Drain() ?? 0) + signals;
        signals = 0;
        Kicks += kicks;
        return kicks;
    }

    /// <summary>The queue is taken away; a chain that was only looked at was never taken.</summary>
    internal void Stop()
    {
        if (next is not null)
        {
            scratch.RingEntries = next.RingEntries;
            queue.Ring.Untake(scratch);
            next = null;
        }

        IsStopped = true;
    }

    /// <summary>The driver kicked in-band.</summary>
    internal void KickedInBand() => signals++;

    private HeldChain? Take()
    {
        switch (queue.Ring.TryTake(scratch))
        {
            case TakeResult.Empty:
                return null;
            case TakeResult.BrokenRing:
                Broken = scratch.Defect;
                observer.DriverErred(scratch.Defect!.Contains("index is", StringComparison.Ordinal) ? "VQ-11" : "VQ-07", Index, $"the ring cannot be followed: {scratch.Defect}");
                return null;
            case TakeResult.BadChain:
                observer.DriverErred(RequirementOf(scratch), Index, $"chain {scratch.Id}: {scratch.Defect}");

                // Its buffers must not be used; what can be known of it is its id.
                queue.Ring.Complete(scratch.Id, scratch.RingEntries, 0);
                Publish();
                return null;
        }

        JudgeDirections();
        JudgeTable();
        return new HeldChain(this, scratch, Fingerprint(scratch.Readable));
    }

    /// <summary>Virtio 1.4 section 5.10.6.4: outgoing buffers are readable for the device, incoming and event buffers writable.</summary>
    private void JudgeDirections()
    {
        bool wrong = Index == VsockQueue.Tx ? scratch.WritableBytes > 0 : scratch.ReadableBytes > 0;
        if (wrong)
        {
            observer.DriverErred(
                "VS-X-27",
                Index,
                $"chain {scratch.Id} has {scratch.ReadableBytes} bytes that the device reads and {scratch.WritableBytes} that it writes");
        }
    }

    /// <summary>Section 2.7.5.3.1: a table is not longer than the queue.</summary>
    private void JudgeTable()
    {
        if (scratch.HasTable && scratch.Count - scratch.DirectCount > queue.Ring.Setup.Size)
        {
            observer.DriverErred("VQ-10", Index, $"chain {scratch.Id}: a table of {scratch.Count - scratch.DirectCount} descriptors in a ring of {queue.Ring.Setup.Size}");
        }
    }

    private void Reexamine(HeldChain chain)
    {
        if (IsStopped)
        {
            return;
        }

        RingBuffer[] buffers = [.. chain.Buffers];
        if (queue.Ring.TryReread(chain.Id, scratch) && !scratch.Buffers.SequenceEqual(buffers))
        {
            observer.DriverErred("RS-04", Index, $"the descriptors of chain {chain.Id} were changed before the device returned it");
        }
        else if (Fingerprint(buffers.AsSpan(0, chain.ReadableCount)) != chain.Fingerprint)
        {
            observer.DriverErred("RS-04", Index, $"the contents of chain {chain.Id}, which the device reads, were changed before the device returned it");
        }
    }

    private int Fingerprint(ReadOnlySpan<RingBuffer> readable)
    {
        HashCode hash = default;
        ulong left = LongestPacket;
        foreach (ref readonly RingBuffer buffer in readable)
        {
            int piece = (int)Math.Min(buffer.Length, left);
            left -= (uint)piece;
            if (Memory.TrySlice(buffer.Address, (uint)piece, out Span<byte> bytes))
            {
                hash.AddBytes(bytes);
            }
        }

        return hash.ToHashCode();
    }

    // What is wrong with an address is not the business of a rule that has an id: it is the driver's own loss.
    private static string RequirementOf(DeviceChain chain) => chain switch
    {
        { HasTable: true } => "VQ-10",
        _ when chain.Defect!.StartsWith("indirect", StringComparison.Ordinal) => "VQ-10",
        _ when chain.ReadableBytes + chain.WritableBytes > uint.MaxValue => "VQ-07",
        _ => "VQ-04",
    };
}
