using BenchmarkDotNet.Attributes;
using Vsockspec.Audit;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Benchmarks;

/// <summary>What the auditor costs for each data packet of an established flow: chain posted, packet judged, chain returned.</summary>
[MemoryDiagnoser]
public class AuditorBenchmarks
{
    private const int Batch = 64;
    private const uint Window = 1 << 20;
    private const int Size = 64;
    private readonly byte[] sent = new byte[VsockHeader.Size + Size];
    private readonly byte[] received = new byte[VsockHeader.Size + Size];
    private readonly byte[] update = new byte[VsockHeader.Size];
    private readonly RingBuffer[] readable = [RingBuffer.Readable(0x8000, VsockHeader.Size + Size)];
    private readonly RingBuffer[] writable = [RingBuffer.Writable(0x9000, VsockHeader.Size + (64 * 1024))];
    private Auditor auditor = null!;
    private uint taken;

    private static VsockHeader FromGuest => new() { SrcCid = 3, DstCid = Cid.Host, SrcPort = 1024, DstPort = 1234, Type = SocketType.Stream, BufAlloc = Window };

    private static VsockHeader FromHost => new() { SrcCid = Cid.Host, DstCid = 3, SrcPort = 1234, DstPort = 1024, Type = SocketType.Stream, BufAlloc = Window };

    [GlobalSetup]
    public void SetUp()
    {
        auditor = new Auditor(guestCid: 3, VirtioFeatures.Version1 | VirtioFeatures.Stream);
        taken = 0;
        (FromGuest with { Op = Op.Request }).Write(sent);
        Send(sent.AsSpan(0, VsockHeader.Size), id: 0);
        auditor.Used(VsockQueue.Tx, new UsedChain(0, 0));
        (FromHost with { Op = Op.Response }).Write(received);
        auditor.Posted(VsockQueue.Rx, 0, writable);
        auditor.Published(VsockQueue.Rx);
        Receive(received.AsSpan(0, VsockHeader.Size), id: 0);
        (FromGuest with { Op = Op.Rw, Len = Size }).Write(sent);
        (FromHost with { Op = Op.Rw, Len = Size }).Write(received);
    }

    [Benchmark(OperationsPerInvoke = Batch)]
    public void Sent()
    {
        for (uint id = 0; id < Batch; id++)
        {
            Send(sent, id);
        }

        for (uint id = 0; id < Batch; id++)
        {
            auditor.Used(VsockQueue.Tx, new UsedChain(id, 0));
        }
    }

    /// <summary>With one credit update of the guest for each batch, so that the device stays within its credit.</summary>
    [Benchmark(OperationsPerInvoke = Batch)]
    public void Received()
    {
        for (uint id = 0; id < Batch; id++)
        {
            auditor.Posted(VsockQueue.Rx, id, writable);
        }

        auditor.Published(VsockQueue.Rx);
        for (uint id = 0; id < Batch; id++)
        {
            Receive(received, id);
        }

        taken += Batch * Size;
        (FromGuest with { Op = Op.CreditUpdate, FwdCnt = taken }).Write(update);
        Send(update, id: 0);
        auditor.Used(VsockQueue.Tx, new UsedChain(0, 0));
    }

    /// <summary>A benchmark of an auditor that has something to say would measure the saying of it.</summary>
    [GlobalCleanup]
    public void Check()
    {
        if (auditor.ViolationCount > 0)
        {
            throw new PerfException(auditor.Findings[0].Detail);
        }
    }

    private void Send(ReadOnlySpan<byte> packet, uint id)
    {
        auditor.Posted(VsockQueue.Tx, id, readable);
        auditor.SentPacket(id, packet);
        auditor.Published(VsockQueue.Tx);
    }

    private void Receive(ReadOnlySpan<byte> packet, uint id)
    {
        auditor.Used(VsockQueue.Rx, new UsedChain(id, (uint)packet.Length));
        auditor.ReceivedPacket(id, packet);
    }
}
