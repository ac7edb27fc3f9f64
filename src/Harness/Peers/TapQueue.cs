using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>
/// One queue of a tap: chains that the guest makes available are posted again, buffer for buffer, on a ring that the device serves, and come
/// back as the device returns them. No allocation per packet; one thread.
/// </summary>
/// <remarks>
/// Nothing is looked at before somebody was notified of it, as with a driver and a device that stand face to face: a device that forgets to
/// notify its driver must not be helped by the tap.
/// </remarks>
internal sealed class TapQueue : IDisposable
{
    /// <summary>Longer chains are passed on, but not shown.</summary>
    private const ulong LongestPacket = 4 << 20;

    private readonly BackEndQueue queue;
    private readonly DriverRing ring;
    private readonly TapTables tables;
    private readonly TapChains chains;
    private readonly IRingObserver observer;
    private readonly IDriverObserver driver;
    private readonly DeviceChain chain = new();
    private readonly EventFd kick = new();
    private byte[] scratch = new byte[VsockHeader.Size + (64 * 1024)];
    private long postedChains;
    private long postedEntries;
    private long returns;
    private long returnsAtLastLook = -1;
    private bool isBlocked;
    private bool isBroken;

    /// <exception cref="RingSetupException">The guest's ring has a size that no ring has.</exception>
    public TapQueue(BackEndQueue queue, TapMemory memory, IRingObserver observer, IDriverObserver driver)
    {
        this.queue = queue;
        this.observer = observer;
        this.driver = driver;
        RingSetup setup = memory.AllocateRing(queue.Index, queue.Ring.Setup, out tables);
        uint start = RingBase.Initial(setup.Layout);
        ring = DriverRings.Create(memory.Own, setup, start);
        chains = new TapChains(setup.Size);
        Setup = new QueueSetup(queue.Index, setup, start, kick, Call, Error);
        observer.Renewed(queue.Index);
    }

    /// <summary>The queue as the device is given it.</summary>
    public QueueSetup Setup { get; }

    /// <summary>Signalled by the device.</summary>
    public EventFd Call { get; } = new();

    /// <summary>Signalled by a device that cannot follow the ring.</summary>
    public EventFd Error { get; } = new();

    /// <summary>Signalled by the guest; null: it must be looked at again and again (<see cref="IsPolled"/>).</summary>
    public EventFd? GuestKick => queue.Kick;

    public bool IsPolled => queue.Polled;

    /// <summary>The device was told to process the queue.</summary>
    public bool IsStarted { get; set; }

    /// <summary>The device knows the queue as enabled.</summary>
    public bool IsEnabled { get; set; }

    /// <summary>The guest's driver has kicked, or may have.</summary>
    public bool IsKicked { get; set; } = true;

    /// <summary>The device has called, or may have.</summary>
    public bool IsCalled { get; set; }

    /// <summary>Chains that the device has.</summary>
    public int Outstanding => ring.Outstanding;

    /// <summary>The device has returned chains that were not looked at.</summary>
    public bool HasUsed => ring.HasUsed;

    /// <summary>Takes in what was signalled.</summary>
    public void Notice()
    {
        if (queue.Polled || queue.Kick?.Drain() > 0)
        {
            IsKicked = true;
        }

        if (Call.Drain() is > 0 and ulong calls)
        {
            observer.Called(queue.Index, calls);
            IsCalled = true;
        }

        if (Error.Drain() > 0)
        {
            queue.SignalError();
        }
    }

    /// <summary>Does what was asked for, a ring's worth at most; true when there is more.</summary>
    public bool Move()
    {
        if (!IsStarted)
        {
            return false;
        }

        if (IsCalled)
        {
            IsCalled = Return();
        }

        if (IsKicked && !isBlocked)
        {
            IsKicked = Take();
        }

        return IsCalled || (IsKicked && !isBlocked);
    }

    /// <summary>
    /// A look while nobody signals anything: true when chains that the device has returned have been waiting since the look before, although it
    /// was asked to notify of them.
    /// </summary>
    public bool WaitsUnnotified()
    {
        bool waits = IsStarted && !IsCalled && ring.HasUsed;
        bool again = waits && returnsAtLastLook == returns;
        returnsAtLastLook = waits ? returns : -1;
        return again;
    }

    /// <summary>The device had every occasion to notify of what it has returned, and did not.</summary>
    public void ReportUnnotified()
    {
        string rule = Setup.Ring switch
        {
            { Layout: RingLayout.Packed } => "PK-07",
            { EventIdx: true } => "VQ-14",
            _ => "VQ-12",
        };
        observer.Violated(rule, queue.Index, "chains came back, and the driver, which asked for notifications, was not notified of them");
        IsCalled = true;
    }

    /// <summary>
    /// The device has stopped the queue: what it returned goes to the guest, and what it never took goes back into the guest's ring.
    /// </summary>
    /// <param name="position">The ring's position as the device told it.</param>
    public void GiveBack(uint position)
    {
        while (Return())
        {
        }

        ushort size = Setup.Ring.Size;
        bool packed = Setup.Ring.Layout == RingLayout.Packed;
        long left = packed ? (postedEntries - PackedEntries(position) + (2L * size)) % (2L * size) : (ushort)(postedChains - position);
        while (left > 0 && chains.TryTakeLast(out TapChain? last))
        {
            left -= packed ? last.RingEntries : 1;
            chain.RingEntries = last.RingEntries;
            queue.Ring.Untake(chain);
        }
    }

    public void Dispose()
    {
        kick.Dispose();
        Call.Dispose();
        Error.Dispose();
    }

    private long PackedEntries(uint position) => (position & 0x7fff) + ((position & 0x8000) != 0 ? 0 : Setup.Ring.Size);

    /// <summary>From the guest to the device; true when there is more at once.</summary>
    private bool Take()
    {
        DeviceRing guest = queue.Ring;
        guest.DisableKicks();
        bool refused = false;
        long before = postedChains;
        for (int i = 0; i < guest.Setup.Size; i++)
        {
            TakeResult result = guest.TryTake(chain);
            if (result == TakeResult.BadChain)
            {
                Refuse();
                refused = true;
            }
            else if (result == TakeResult.BrokenRing)
            {
                Break();
                break;
            }
            else if (result == TakeResult.Empty)
            {
                break;
            }
            else if (chain.Count - chain.DirectCount > tables.Entries)
            {
                chain.Defect = $"indirect table of {chain.Count - chain.DirectCount} descriptors in a ring of {guest.Setup.Size}";
                Refuse();
                refused = true;
            }
            else if (!TryPost())
            {
                guest.Untake(chain);
                isBlocked = true;
                break;
            }
        }

        if (postedChains != before)
        {
            Publish();
        }

        if (refused)
        {
            EndBatch();
        }

        return isBlocked || (!isBroken && guest.EnableKicks());
    }

    /// <summary>From the device to the guest; true when there is more at once.</summary>
    private bool Return()
    {
        ring.DisableCalls();
        bool completed = false;
        for (int i = 0; i < Setup.Ring.Size && ring.TryTakeUsed(out UsedChain used); i++)
        {
            returns++;
            observer.Used(queue.Index, used);
            if (!ring.LastUsedWasKnown)
            {
                // The observer has heard of it; no chain of the guest's stands for it.
                continue;
            }

            TapChain returned = chains[used.Id];
            if (queue.Index == VsockQueue.Rx)
            {
                observer.ReceivedPacket(used.Id, Gather(returned.Writable, used.Length));
            }

            returned.IsOut = false;
            if (returned.Table >= 0)
            {
                tables.Free(returned.Table);
            }

            queue.Ring.Complete(returned.GuestId, returned.RingEntries, used.Length);
            completed = true;
        }

        if (completed)
        {
            isBlocked = false;
            EndBatch();
        }

        return ring.EnableCalls();
    }

    private void Refuse()
    {
        driver.DriverErred(RequirementOf(chain), queue.Index, $"chain {chain.Id}: {chain.Defect}");
        queue.Ring.Complete(chain.Id, chain.RingEntries, 0);
    }

    private void Break()
    {
        isBroken = true;
        driver.DriverErred("VQ-07", queue.Index, $"the ring cannot be followed: {chain.Defect}");
        queue.SignalError();
    }

    // What is wrong with an address is not the business of a rule that has an id: it is the driver's own loss.
    private static string RequirementOf(DeviceChain chain) => chain switch
    {
        { HasTable: true } => "VQ-10",
        _ when chain.ReadableBytes + chain.WritableBytes > uint.MaxValue => "VQ-07",
        _ => "VQ-04",
    };

    private bool TryPost()
    {
        int place = -1;
        ushort id;
        if (!chain.HasTable)
        {
            if (!ring.TryPost(chain.Buffers, out id))
            {
                return false;
            }
        }
        else
        {
            if (!tables.TryTake(out place))
            {
                return false;
            }

            int direct = chain.DirectCount;
            if (!ring.TryPostIndirect(chain.Buffers[..direct], chain.Buffers[direct..], tables.AddressOf(place), out id))
            {
                tables.Free(place);
                return false;
            }
        }

        chains.Add(id, chain, place);
        postedChains++;
        postedEntries += chain.RingEntries;
        if (chain.HasTable)
        {
            observer.PostedWithTable(queue.Index, id, chain.Buffers, chain.DirectCount);
        }
        else
        {
            observer.Posted(queue.Index, id, chain.Buffers);
        }

        if (queue.Index == VsockQueue.Tx && chain.WritableBytes == 0 && chain.ReadableBytes <= LongestPacket)
        {
            observer.SentPacket(id, Gather(chain.Readable, (uint)chain.ReadableBytes));
        }

        return true;
    }

    private void Publish()
    {
        ring.Publish();
        observer.Published(queue.Index);
        if (ring.KickNeeded())
        {
            _ = kick.Signal();
            observer.Kicked(queue.Index);
        }
    }

    private void EndBatch()
    {
        queue.Ring.PublishUsed();
        if (queue.Ring.CallNeeded())
        {
            queue.SignalUsed();
        }
    }

    /// <summary>The first bytes of buffers, in place where they lie together. All of them are in guest memory: the ring has checked.</summary>
    private ReadOnlySpan<byte> Gather(ReadOnlySpan<RingBuffer> buffers, uint length)
    {
        GuestMemory memory = queue.Ring.Memory;
        length = (uint)Math.Min(length, LongestPacket);
        if (buffers.Length > 0 && buffers[0].Length >= length && memory.TrySlice(buffers[0].Address, length, out Span<byte> whole))
        {
            return whole;
        }

        if (scratch.Length < length)
        {
            scratch = new byte[length];
        }

        int at = 0;
        foreach (ref readonly RingBuffer buffer in buffers)
        {
            int piece = (int)Math.Min(buffer.Length, length - (uint)at);
            memory.Read(buffer.Address, scratch.AsSpan(at, piece));
            at += piece;
        }

        return scratch.AsSpan(0, at);
    }
}
