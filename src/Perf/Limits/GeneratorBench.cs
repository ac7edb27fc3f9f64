using System.Diagnostics;
using System.Runtime.CompilerServices;
using Vsockspec.Audit;
using Vsockspec.Peers;
using Vsockspec.Perf.Workloads;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Limits;

/// <summary>The load generator with one flow to a <see cref="BufferReturner"/>.</summary>
internal sealed class GeneratorBench : IPacketSink, IDisposable
{
    private const ulong GuestCid = 3;
    private const uint HostPort = 1;
    private const uint Window = 1 << 20;
    private const int BatchPackets = 64;
    private const int LooksBetweenYields = 64;

    /// <summary>Of small packets so many that both ends work on for a while without a look at the same line.</summary>
    private const int SmallBuffers = 192;

    /// <summary>Of large packets a core's cache holds so many.</summary>
    private const int LargeBuffers = 24;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private readonly BufferReturner device;
    private readonly Auditor auditor;
    private readonly RawDriver driver;
    private readonly Flow flow;
    private readonly int size;
    private readonly ulong[] packets;
    private int next;
    private uint credit;
    private uint peerFwdCnt;
    private uint txCnt;
    private uint toldFwdCnt;
    private long received;
    private string? defect;
    private long idle;
    private long idleSince;

    /// <param name="size">Bytes of a message; divides <see cref="Pattern.Short"/>.</param>
    /// <param name="hasThread">False: the device is looked after on this thread, whenever something is moved.</param>
    public GeneratorBench(int size, bool hasThread)
    {
        this.size = size;
        device = new BufferReturner(GuestCid, hasThread);
        SessionOptions options = new()
        {
            Features = VirtioFeatures.Version1 | VirtioFeatures.Stream | VirtioFeatures.EventIdx,
            QueueSize = 256,
            RxBufferSize = (uint)(VsockHeader.Size + Pattern.Short.Period),
            RxBuffers = size < Pattern.Short.Period ? SmallBuffers : LargeBuffers,
        };
        auditor = new Auditor(GuestCid, options.Features);
        driver = new RawDriver(device, new Timeline(Patience), options, auditor, GuestCid, seed: 1);
        if (!hasThread)
        {
            driver.Timeline.Add(device);
        }

        flow = driver.NewFlow(HostPort);
        flow.BufAlloc = Window;
        Packet response = flow.Connect();
        credit = response.Header.BufAlloc;
        driver.Sink = this;
        packets = Prepare();
    }

    /// <summary>Moves a batch, or less where that is all there is; the bytes moved.</summary>
    /// <exception cref="PerfException">Nothing moves any more.</exception>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public long Move(Direction direction)
    {
        long moved = direction == Direction.GuestToHost ? Send() : Receive();
        NoteMove(moved > 0);
        return moved;
    }

    /// <exception cref="PerfException">Wrong bytes, or a rule was broken.</exception>
    public void Check()
    {
        string? violation = auditor.Findings.FirstOrDefault(f => f.Severity == FindingSeverity.Violation) is { } f ? $"{f.Requirement}: {f.Detail}" : null;
        if ((defect ?? violation ?? device.Fault?.Message) is { } wrong)
        {
            throw new PerfException($"the load generator alone: {wrong}");
        }
    }

    void IPacketSink.Received(in VsockHeader header, ReadOnlySpan<byte> payload, uint usedLength)
    {
        credit = header.BufAlloc;
        peerFwdCnt = header.FwdCnt;
        if (header.Op == Op.Rw)
        {
            if (!Pattern.Short.Matches(received, payload))
            {
                defect ??= $"wrong bytes at position {received}";
            }

            received += payload.Length;
            flow.FwdCnt += (uint)payload.Length;
        }
    }

    void IPacketSink.ReceivedShort(ReadOnlySpan<byte> bytes) => defect ??= "a packet shorter than a header";

    public void Dispose() => driver.Dispose();

    private long Send()
    {
        uint length = (uint)(VsockHeader.Size + size);
        int sent = 0;
        while (sent < BatchPackets && credit - (txCnt - peerFwdCnt) >= size && driver.Tx.TrySendInPlace(packets[next], length, out _))
        {
            sent++;
            txCnt += (uint)size;
            next = next + 1 == packets.Length ? 0 : next + 1;
        }

        driver.Tx.Flush();
        driver.Timeline.Pump();
        return sent * (long)size;
    }

    private long Receive()
    {
        device.Flood(size);
        long before = received;
        driver.Timeline.Pump();
        if (flow.FwdCnt - toldFwdCnt >= Window / 4 && driver.Tx.TrySend(flow.Header(Op.CreditUpdate), [], out _))
        {
            toldFwdCnt = flow.FwdCnt;
            driver.Tx.Flush();
        }

        return received - before;
    }

    private void NoteMove(bool moved)
    {
        if (moved)
        {
            idle = 0;
        }
        else if (++idle == 1)
        {
            idleSince = Stopwatch.GetTimestamp();
        }
        else if (idle % LooksBetweenYields == 0)
        {
            if (Stopwatch.GetElapsedTime(idleSince) > Patience)
            {
                throw new PerfException($"the load generator stood still for {Patience.TotalSeconds:0} s against a device that only returns buffers");
            }

            // Perhaps the device waits for this processor.
            _ = Thread.Yield();
        }
    }

    private ulong[] Prepare()
    {
        ulong[] prepared = new ulong[Pattern.Short.Period / size];
        VsockHeader header = flow.Header(Op.Rw) with { Len = (uint)size };
        for (int i = 0; i < prepared.Length; i++)
        {
            prepared[i] = driver.Arena.Allocate((uint)(VsockHeader.Size + size), 64, RawDriver.BufferRegion);
            Span<byte> memory = driver.Memory.Slice(prepared[i], (uint)(VsockHeader.Size + size));
            header.Write(memory);
            Pattern.Short.At((long)i * size, size).CopyTo(memory[VsockHeader.Size..]);
        }

        return prepared;
    }
}
