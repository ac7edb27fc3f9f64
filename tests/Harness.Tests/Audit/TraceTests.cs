using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Audit;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Audit;

[TestFixture]
public class TraceTests
{
    private static readonly VsockHeader Request = new()
    {
        SrcCid = 3, DstCid = 2, SrcPort = 1024, DstPort = 1234, Type = SocketType.Stream, Op = Op.Request, BufAlloc = 262144,
    };

    [Test]
    public void MonitorHeader_OfRequest_IsTheGoldenOne()
    {
        byte[] golden = Convert.FromHexString("03000000000000000200000000000000000400 00d204000001000200 2c000000".Replace(" ", "", StringComparison.Ordinal));
        byte[] packet = new byte[VsockHeader.Size];
        Request.Write(packet);
        byte[] written = new byte[VsockMonHeader.Size];
        VsockMonHeader header = VsockMonHeader.Of(packet);
        header.Write(written);
        Assert.That(written, Is.EqualTo(golden));
        Assert.That(VsockMonHeader.Read(golden), Is.EqualTo(header));
    }

    [Test]
    public void File_WithOnePacket_HasTheGoldenBytes()
    {
        using MemoryStream stream = new();
        using PcapngWriter writer = new(stream, "a", "note");
        byte[] packet = new byte[VsockHeader.Size];
        Request.Write(packet);
        writer.Write(0x0102030405060708, PacketDirection.Outbound, packet, 100, "why");
        string hex =
            "0A0D0D0A" + "30000000" + "4D3C2B1A" + "01000000" + "FFFFFFFFFFFFFFFF" + "01000400" + "6E6F7465" + "04000100" + "61000000" + "00000000" + "30000000"
            + "01000000" + "2C000000" + "0F010000" + "00000000" + "02000500" + "76736F636B000000" + "09000100" + "09000000" + "00000000" + "2C000000"
            + "06000000" + "80000000" + "00000000" + "04030201" + "08070605" + "4C000000" + "84000000"
            + "0300000000000000020000000000000000040000D2040000010002002C000000"
            + "0300000000000000020000000000000000040000D20400000000000001000100000000000000040000000000"
            + "01000300" + "77687900" + "02000400" + "02000000" + "00000000" + "80000000";
        Assert.That(Convert.ToHexString(stream.ToArray()), Is.EqualTo(hex));
    }

    [Test]
    public void Recorder_BeyondItsCapacity_KeepsTheFirstAndSaysSo()
    {
        TraceRecorder recorder = new(snapLength: 50, capacity: 200);
        for (int i = 0; i < 10; i++)
        {
            recorder.SentPacket(0, new byte[60]);
        }

        recorder.ReceivedPacket(0, []);
        Assert.That((recorder.PacketCount, recorder.KeptCount), Is.EqualTo((10, 2)));
        using MemoryStream stream = new();
        recorder.Write(stream, [new Finding("VQ-18", 9, "late", FindingSeverity.Violation)]);
        string text = System.Text.Encoding.UTF8.GetString(stream.ToArray());
        Assert.That(text, Does.Contain("8 later packets of 10 were not kept").And.Contains("violates VQ-18: late"));
    }

    [Test]
    public void Recorder_WhenFull_AllocatesNothing()
    {
        TraceRecorder recorder = new(capacity: 10_000);
        byte[] packet = new byte[1000];
        for (int i = 0; i < 20; i++)
        {
            recorder.SentPacket(0, packet);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            recorder.ReceivedPacket(0, packet);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void Tshark_ReadsTrace_SeesWhatWasSent()
    {
        VsockHeader[] headers =
        [
            Request,
            Request with { SrcCid = 2, DstCid = 3, SrcPort = 1234, DstPort = 1024, Op = Op.Response, BufAlloc = 65536 },
            Request with { Op = Op.Rw, Len = 5 },
            Request with { Op = Op.Shutdown, Flags = 3 },
            Request with { SrcCid = 2, DstCid = 3, SrcPort = 1234, DstPort = 1024, Op = Op.Rst, FwdCnt = 5 },
        ];
        TraceRecorder recorder = new();
        foreach (VsockHeader header in headers)
        {
            byte[] packet = new byte[VsockHeader.Size + header.Len];
            header.Write(packet);
            if (header.SrcCid == Cid.Host)
            {
                recorder.ReceivedPacket(0, packet);
            }
            else
            {
                recorder.SentPacket(0, packet);
            }
        }

        string folder = Directory.CreateTempSubdirectory("vs-").FullName;
        try
        {
            string path = Path.Combine(folder, "trace.pcapng");
            recorder.Save(path, [new Finding("VS-X-33", 5, "for a test", FindingSeverity.Violation)]);
            string[] lines = Tshark(
                path, "frame.comment", "vsock.virtio.op", "vsock.virtio.type", "vsock.src_port", "vsock.dst_port", "vsock.virtio.len", "vsock.op", "vsock.payload",
                "vsock.virtio.flags", "vsock.virtio.buf_alloc", "vsock.virtio.fwd_cnt");
            Assert.That(lines, Is.EqualTo((string[])
            [
                "|1|1|1024|1234|0|1||0x00000000|262144|0",
                "|2|1|1234|1024|0|1||0x00000000|65536|0",
                "|5|1|1024|1234|5|4|0000000000|0x00000000|262144|0",
                "|4|1|1024|1234|0|2||0x00000003|262144|0",
                "violates VS-X-33: for a test|3|1|1234|1024|0|2||0x00000000|262144|5",
            ]));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void Recorder_OfChains_TellsHowEachPacketLay()
    {
        TraceRecorder recorder = new();
        IRingObserver observer = recorder;
        byte[] packet = new byte[VsockHeader.Size + 8];
        recorder.BeginSession(VirtioFeatures.RingPacked);
        observer.Posted(VsockQueue.Rx, 3, [RingBuffer.Writable(0x1000, 44), RingBuffer.Writable(0x2000, 4096), RingBuffer.Writable(0x3000, 4096)]);
        observer.PostedWithTable(VsockQueue.Tx, 7, [RingBuffer.Readable(0x1000, 44), RingBuffer.Readable(0x2000, 4), RingBuffer.Readable(0x2004, 4)], direct: 1);
        observer.SentPacket(7, packet);
        observer.Used(VsockQueue.Rx, new UsedChain(3, 52));
        observer.ReceivedPacket(3, packet);
        observer.Used(VsockQueue.Tx, new UsedChain(7, 0));
        observer.SentPacket(99, packet);
        recorder.BeginSession(VirtioFeatures.None);
        observer.Posted(VsockQueue.Tx, 7, [.. Enumerable.Range(1, 10).Select(i => RingBuffer.Readable(0, (uint)i))]);
        observer.SentPacket(7, packet);

        Assert.That(
            Read(recorder).Select(p => string.Join('|', p.Comments)),
            Is.EqualTo(["chain: tx 7, packed, 44r table: 4rx2, used 0", "chain: rx 3, packed, 44w 4096wx2, used 52", "", "chain: tx 7, split, 1r 2r 3r 4r 5r 6r and 4 more"]));
    }

    [Test]
    public void Recorder_ThatGoesOn_KnowsChainsPostedBefore()
    {
        TraceRecorder before = new();
        before.BeginSession(VirtioFeatures.None);
        before.Posted(VsockQueue.Rx, 1, [RingBuffer.Writable(0, 4140)]);
        before.Posted(VsockQueue.Tx, 2, [RingBuffer.Readable(0, 44)]);
        before.SentPacket(2, new byte[VsockHeader.Size]);

        TraceRecorder after = before.Next();
        after.Used(VsockQueue.Tx, new UsedChain(2, 0));
        after.Used(VsockQueue.Rx, new UsedChain(1, 44));
        after.ReceivedPacket(1, new byte[VsockHeader.Size]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Read(before).Select(p => p.Comments.Single()), Is.EqualTo(["chain: tx 2, split, 44r"]));
            Assert.That(Read(after).Select(p => (p.Direction, p.Comments.Single())), Is.EqualTo([(PacketDirection.Inbound, "chain: rx 1, split, 4140w, used 44")]));
        }
    }

    [Test]
    public void Recorder_OfChains_AllocatesNothingForEach()
    {
        TraceRecorder recorder = new(capacity: 1 << 20);
        IRingObserver observer = recorder;
        byte[] packet = new byte[VsockHeader.Size];
        RingBuffer[] buffers = [RingBuffer.Readable(0, 20), RingBuffer.Readable(20, 24)];
        Exchange(3000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Exchange(100);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Exchange(int times)
        {
            for (uint i = 0; i < times; i++)
            {
                observer.PostedWithTable(VsockQueue.Tx, i % 128, buffers, direct: 0);
                observer.SentPacket(i % 128, packet);
                observer.Used(VsockQueue.Tx, new UsedChain(i % 128, 0));
            }
        }
    }

    [Test]
    public void Tshark_ReadsTraceOfChains_ShowsThem()
    {
        TraceRecorder recorder = new();
        recorder.Posted(VsockQueue.Tx, 0, [RingBuffer.Readable(0, 44)]);
        byte[] packet = new byte[VsockHeader.Size];
        Request.Write(packet);
        recorder.SentPacket(0, packet);
        recorder.Used(VsockQueue.Tx, new UsedChain(0, 0));
        string folder = Directory.CreateTempSubdirectory("vs-").FullName;
        try
        {
            string path = Path.Combine(folder, "trace.pcapng");
            recorder.Save(path, [new Finding("VS-X-33", 1, "for a test", FindingSeverity.Violation)]);
            Assert.That(Tshark(path, "frame.comment", "vsock.virtio.op"), Is.EqualTo(["chain: tx 0, split, 44r, used 0,violates VS-X-33: for a test|1"]));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static List<CapturedPacket> Read(TraceRecorder recorder)
    {
        MemoryStream stream = new();
        recorder.Write(stream, []);
        stream.Position = 0;
        using CaptureReader reader = new(stream, "trace");
        List<CapturedPacket> packets = [];
        while (reader.TryRead(out CapturedPacket? packet))
        {
            packets.Add(packet);
        }

        return packets;
    }

    private static string[] Tshark(string path, params string[] fields)
    {
        const string Program = "/usr/bin/tshark";
        if (!File.Exists(Program))
        {
            const string Remedy = "tshark is not installed; run ci/setup.sh";
            if (Environment.GetEnvironmentVariable("CI") == "true")
            {
                Assert.Fail(Remedy);
            }

            Assert.Ignore(Remedy);
        }

        ProcessStartInfo start = new(Program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["-r", path, "-T", "fields", "-E", "separator=|", .. fields.SelectMany(f => (string[])["-e", f])])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        if (!process.WaitForExit(TimeSpan.FromSeconds(60)))
        {
            process.Kill();
            Assert.Fail("tshark does not end");
        }

        Assert.That(process.ExitCode, Is.Zero, errors.GetAwaiter().GetResult());
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
