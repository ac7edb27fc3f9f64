using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Limits;

/// <summary>
/// A device in this process that moves nothing: packets of the guest are given back as soon as they are seen, buffers of the guest come back with
/// bytes that are at hand. It looks at the rings without sleeping. What the load generator does with it is the most that it does with any device.
/// </summary>
/// <param name="hasThread">False: it moves when its timeline does.</param>
internal sealed class BufferReturner(ulong guestCid, bool hasThread = true) : IVsockDevice, IPumped
{
    private const int BatchSize = 64;
    private const int LooksBetweenYields = 64;
    private const uint Window = 1 << 20;
    private readonly DeviceChain chain = new();
    private readonly HashSet<ulong> filled = [];
    private readonly QueueSetup?[] setups = new QueueSetup?[2];
    private readonly List<Op> replies = [];
    private GuestMemory? memory;
    private DeviceRing? rx;
    private DeviceRing? tx;
    private Thread? thread;
    private Exception? fault;
    private volatile bool stopping;
    private VsockHeader flow;
    private uint toldFwdCnt;
    private uint sent;
    private uint guestBufAlloc;
    private uint guestFwdCnt;
    private long position;
    private volatile int floodSize;

    public string Transport => "none";

    public VirtioFeatures OfferedFeatures => VirtioFeatures.Version1 | VirtioFeatures.EventIdx | VirtioFeatures.Stream;

    public bool HasConfigSpace => false;

    public bool HasEventQueue => false;

    public bool StopsQueuesAlone => false;

    public int WatchFd => -1;

    /// <summary>What stopped the device's thread; null while it is well.</summary>
    public Exception? Fault => Volatile.Read(ref fault);

    /// <summary>From now on the guest is sent messages of so many bytes, as many as it gives room for; each divides <see cref="Pattern.Short"/>.</summary>
    public void Flood(int size) => floodSize = size;

    public byte[]? ReadConfig(uint offset, uint length) => null;

    public void AcceptFeatures(VirtioFeatures features)
    {
        // The rings say what matters here.
    }

    public void ShareMemory(GuestMemory memory) => this.memory = memory;

    public void SetUpQueue(QueueSetup queue)
    {
        if (queue.Index < setups.Length)
        {
            setups[queue.Index] = queue;
        }
    }

    void IPumped.Pump() => _ = Step();

    int IPumped.PrepareToSleep(Span<PollEntry> entries) => -1;

    void IPumped.Woken(ReadOnlySpan<PollEntry> entries)
    {
        // It does not sleep.
    }

    /// <summary>Its thread begins with the second queue.</summary>
    public void StartQueue(int index)
    {
        DeviceRing ring = DeviceRings.Create(memory!, setups[index]!.Ring, setups[index]!.Base);
        _ = index == VsockQueue.Rx ? rx = ring : tx = ring;
        if (rx is not null && tx is not null)
        {
            rx.DisableKicks();
            tx.DisableKicks();
            thread = hasThread ? new Thread(Run) { IsBackground = true, Name = "buffer returner" } : null;
            thread?.Start();
        }
    }

    public uint StopQueue(int index)
    {
        Dispose();
        return (index == VsockQueue.Rx ? rx : tx)?.Base ?? 0;
    }

    public void Settle()
    {
        // It never sleeps.
    }

    public void Dispose()
    {
        stopping = true;
        thread?.Join();
    }

    [SuppressMessage("Design", "CA1031", Justification = "Nobody is above this thread; Fault tells what was caught.")]
    private void Run()
    {
        try
        {
            using CpuAffinity? place = Placement.HostEnd();
            for (int idle = 0; !stopping;)
            {
                idle = Step() ? 0 : idle + 1;
                if (idle % LooksBetweenYields == LooksBetweenYields - 1)
                {
                    // Perhaps the driver waits for this processor.
                    _ = Thread.Yield();
                }
            }
        }
        catch (Exception e)
        {
            Volatile.Write(ref fault, e);
        }
    }

    /// <summary>One look at each ring; true when there was something to do. A method of its own: the loop around it is never compiled anew where it was compiled ahead of time.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Step() => TakePackets(tx!) | FillBuffers(rx!);

    private bool TakePackets(DeviceRing ring)
    {
        int taken = 0;
        while (taken < BatchSize && ring.TryTake(chain) == TakeResult.Chain)
        {
            taken++;
            Note(VsockHeader.Read(memory!.Slice(chain.Buffers[0].Address, VsockHeader.Size)));
            ring.Complete(chain.Id, chain.RingEntries, 0);
        }

        return EndBatch(ring, VsockQueue.Tx, taken);
    }

    private void Note(in VsockHeader header)
    {
        guestBufAlloc = header.BufAlloc;
        guestFwdCnt = header.FwdCnt;
        switch (header.Op)
        {
            case Op.Rw:
                flow = flow with { FwdCnt = flow.FwdCnt + header.Len };
                if (flow.FwdCnt - toldFwdCnt >= Window / 2)
                {
                    toldFwdCnt = flow.FwdCnt;
                    replies.Add(Op.CreditUpdate);
                }

                break;
            case Op.Request:
                flow = new VsockHeader
                {
                    SrcCid = Cid.Host,
                    DstCid = guestCid,
                    SrcPort = header.DstPort,
                    DstPort = header.SrcPort,
                    Type = header.Type,
                    BufAlloc = Window,
                };
                replies.Add(Op.Response);
                break;
        }
    }

    private bool FillBuffers(DeviceRing ring)
    {
        int size = floodSize;
        int filledNow = 0;
        while (filledNow < BatchSize && (replies.Count > 0 || HasRoom(size)) && ring.TryTake(chain) == TakeResult.Chain)
        {
            filledNow++;
            uint written = VsockHeader.Size;
            if (replies.Count > 0)
            {
                (flow with { Op = replies[0] }).Write(memory!.Slice(chain.Buffers[0].Address, VsockHeader.Size));
                replies.RemoveAt(0);
            }
            else
            {
                Fill(chain.Buffers[0].Address, size);
                written += (uint)size;
            }

            ring.Complete(chain.Id, chain.RingEntries, written);
        }

        return EndBatch(ring, VsockQueue.Rx, filledNow);
    }

    private bool HasRoom(int size) => size > 0 && guestBufAlloc - (sent - guestFwdCnt) >= (uint)size;

    private void Fill(ulong address, int size)
    {
        Span<byte> packet = memory!.Slice(address, (uint)(VsockHeader.Size + size));
        (flow with { Op = Op.Rw, Len = (uint)size }).Write(packet);

        // A whole period is the same bytes each time: they are there from the buffer's first use.
        if (size < Pattern.Short.Period || filled.Add(address))
        {
            Pattern.Short.At(position, size).CopyTo(packet[VsockHeader.Size..]);
        }

        position += size;
        sent += (uint)size;
    }

    /// <summary>True when there was something.</summary>
    private bool EndBatch(DeviceRing ring, int index, int count)
    {
        if (count == 0)
        {
            return false;
        }

        ring.PublishUsed();
        if (ring.CallNeeded())
        {
            _ = setups[index]!.Call?.Signal();
        }

        return true;
    }
}
