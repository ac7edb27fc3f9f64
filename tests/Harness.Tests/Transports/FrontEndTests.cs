using Microsoft.Win32.SafeHandles;
using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Transports;

/// <summary>What the front end puts on the wire, byte for byte, and what it makes of answers.</summary>
public sealed class FrontEndTests
{
    private const ulong Bit30 = (ulong)VirtioFeatures.VhostUserProtocolFeatures;

    /// <summary>x86-64 and arm64 are little-endian; the bytes below are theirs.</summary>
    [SetUp]
    public void OnLittleEndianMachines() => Assert.That(BitConverter.IsLittleEndian, Is.True);

    [Test]
    public void Requests_WithoutAnswer_HaveTheirBytes()
    {
        using EventFd descriptor = new();
        using SafeFileHandle file = MemFd.Create("vsockspec-guest", 4096);
        VhostUserRegion region = new(0x1000, 0x2000, 0x7f00_0000_0000, 0x3000);
        const string Region = "0010000000000000 0020000000000000 00000000007f0000 0030000000000000";
        AssertSends("03000000 01000000 00000000", front => front.SetOwner());
        AssertSends("04000000 01000000 00000000", front => front.ResetOwner());
        AssertSends("02000000 01000000 08000000 0000004001000000", front => front.SetFeatures((VirtioFeatures)0x1_4000_0000));
        AssertSends("10000000 01000000 08000000 0902000000000000", front => front.SetProtocolFeatures((VhostUserProtocolFeatures)0x209));
        AssertSends(
            $"05000000 01000000 48000000 02000000 00000000 {Region} {Region}",
            front => front.SetMemTable([region, region], [file, file]),
            descriptors: 2);
        AssertSends($"25000000 01000000 28000000 0000000000000000 {Region}", front => front.AddMemRegion(region, file), descriptors: 1);
        AssertSends($"26000000 01000000 28000000 0000000000000000 {Region}", front => front.RemoveMemRegion(region));
        AssertSends("08000000 01000000 08000000 01000000 00010000", front => front.SetVringNum(1, 256));
        AssertSends(
            "09000000 01000000 28000000 01000000 00000000 0010000000000000 0030000000000000 0020000000000000 0000000000000000",
            front => front.SetVringAddr(new VringAddress(1, 0, Descriptor: 0x1000, Used: 0x3000, Available: 0x2000, Log: 0)));
        AssertSends("0a000000 01000000 08000000 02000000 f0ff0000", front => front.SetVringBase(2, 0xfff0));
        AssertSends("0c000000 01000000 08000000 0100000000000000", front => front.SetVringKick(1, descriptor), descriptors: 1);
        AssertSends("0c000000 01000000 08000000 0101000000000000", front => front.SetVringKick(1, null));
        AssertSends("0d000000 01000000 08000000 0000000000000000", front => front.SetVringCall(0, descriptor), descriptors: 1);
        AssertSends("0d000000 01000000 08000000 0001000000000000", front => front.SetVringCall(0, null));
        AssertSends("0e000000 01000000 08000000 0200000000000000", front => front.SetVringErr(2, descriptor), descriptors: 1);
        AssertSends("12000000 01000000 08000000 01000000 01000000", front => front.SetVringEnable(1, true));
        AssertSends("12000000 01000000 08000000 01000000 00000000", front => front.SetVringEnable(1, false));
        AssertSends("15000000 01000000 00000000", front => front.OpenBackEndChannel(), descriptors: 1);
        AssertSends(
            "19000000 01000000 0e000000 06000000 02000000 01000000 abcd",
            front => front.SetConfig(6, [0xab, 0xcd], VhostUserConfigAccess.LiveMigration));
        AssertSends(
            "20000000 01000000 18000000 0010000000000000 0000000000000000 02000001 00000000",
            front => front.SetInflightFd(new VhostUserInflight(4096, 0, 2, 256), file),
            descriptors: 1);
        AssertSends("22000000 01000000 00000000", front => front.ResetDevice());
        AssertSends("23000000 01000000 08000000 01000000 00000000", front => front.VringKick(1));
        AssertSends("27000000 01000000 08000000 0f00000000000000", front => front.SetStatus((DeviceStatus)15));
        AssertSends("07000000 01000000 00000000", front => front.SetLogFd(descriptor), descriptors: 1);
    }

    [Test]
    public void Requests_WithAnswer_HaveTheirBytesAndReadTheAnswer()
    {
        AssertAsks(
            "01000000 01000000 00000000",
            "01000000 05000000 08000000 0000004001000000",
            front => Assert.That((ulong)front.GetFeatures(), Is.EqualTo(0x1_4000_0000)));
        AssertAsks(
            "0f000000 01000000 00000000",
            "0f000000 05000000 08000000 0902000000000000",
            front => Assert.That((ulong)front.GetProtocolFeatures(), Is.EqualTo(0x209)));
        AssertAsks(
            "11000000 01000000 00000000",
            "11000000 05000000 08000000 0300000000000000",
            front => Assert.That(front.GetQueueNum(), Is.EqualTo(3)));
        AssertAsks(
            "24000000 01000000 00000000",
            "24000000 05000000 08000000 2000000000000000",
            front => Assert.That(front.GetMaxMemSlots(), Is.EqualTo(32)));
        AssertAsks(
            "28000000 01000000 00000000",
            "28000000 05000000 08000000 0f00000000000000",
            front => Assert.That((byte)front.GetStatus(), Is.EqualTo(15)));
        AssertAsks(
            "0b000000 01000000 08000000 0100000000000000",
            "0b000000 05000000 08000000 01000000 f0ff0000",
            front => Assert.That(front.GetVringBase(1), Is.EqualTo(0xfff0)));
        AssertAsks(
            "18000000 01000000 14000000 00000000 08000000 00000000 0000000000000000",
            "18000000 05000000 14000000 00000000 08000000 00000000 2a00000000000000",
            front => Assert.That(VsockConfig.Read(front.GetConfig(0, 8)), Is.EqualTo(new VsockConfig(42))));
        AssertAsks(
            "18000000 01000000 15000000 00000000 09000000 00000000 000000000000000000",
            "18000000 05000000 00000000",
            front => Assert.That(front.GetConfig(0, 9), Is.Null));
    }

    [Test]
    public void Inflight_Buffer_ComesWithItsDescriptor([Values(20, 24)] int size)
    {
        using FrontEndBench bench = new(new VhostUserFrontEndOptions { Force = true });
        using SafeFileHandle file = MemFd.Create("vsockspec-guest", 4096);
        byte[] payload = new byte[VhostUserInflight.Size];
        new VhostUserInflight(4096, 16, 2, 256).Write(payload);
        bench.Peer.Send(new VhostUserHeader((uint)VhostUserRequest.GetInflightFd, 5, (uint)size), payload.AsSpan(0, size), [file], Deadline.Never);
        (VhostUserInflight description, SafeFileHandle received) = bench.Front.GetInflightFd(2, 256);
        using (received)
        {
            Assert.That(description, Is.EqualTo(new VhostUserInflight(4096, 16, 2, 256)));
            Assert.That(RandomAccess.GetLength(received), Is.EqualTo(4096));
        }
    }

    [Test]
    public void LogBase_Always_WaitsForItsAnswer()
    {
        using FrontEndBench bench = new(new VhostUserFrontEndOptions { Force = true });
        using SafeFileHandle file = MemFd.Create("vsockspec-guest", 4096);
        bench.Reply("06000000 05000000 08000000 0000000000000000");
        bench.Front.SetLogBase(new VhostUserLog(4096, 0), file);
        bench.AssertSent("06000000 01000000 10000000 0010000000000000 0000000000000000", descriptors: 1);
    }

    [TestCase("02000000 05000000 08000000 0000000000000000", "request 2, expected 1")]
    [TestCase("01000000 01000000 08000000 0000000000000000", "flags 0x1, expected 0x5")]
    [TestCase("01000000 0d000000 08000000 0000000000000000", "flags 0xd, expected 0x5")]
    [TestCase("01000000 06000000 08000000 0000000000000000", "flags 0x6, expected 0x5")]
    [TestCase("01000000 05000000 04000000 00000000", "size 4, expected 8")]
    [TestCase("01000000 05000000 00000000", "size 0, expected 8")]
    [TestCase("01000000 05000000 0c000000 000000000000000000000000", "size 12, expected 8")]
    [TestCase("01000000 05000000 ffffffff", "size 4294967295, more than 4096")]
    public void Reply_ThatBreaksTheProtocol_IsNamed(string reply, string defect)
    {
        using FrontEndBench bench = new();
        bench.Reply(reply);
        TransportException thrown = Assert.Throws<TransportException>(() => bench.Front.GetFeatures())!;
        Assert.That(thrown.Fault, Is.EqualTo(TransportFault.Protocol));
        Assert.That(thrown.Message, Does.Contain("GET_FEATURES").And.Contain(defect).And.Contain(reply.Replace(" ", "", StringComparison.Ordinal)));
    }

    [Test]
    public void Reply_WithDescriptors_IsNamedAndTheDescriptorsAreClosed()
    {
        using FrontEndBench bench = new();
        using EventFd descriptor = new();
        int before = OpenDescriptors.Count();
        bench.Peer.Send(new VhostUserHeader(1, 5, 8), new byte[8], [descriptor.Handle, descriptor.Handle], Deadline.Never);
        TransportException thrown = Assert.Throws<TransportException>(() => bench.Front.GetFeatures())!;
        Assert.That(thrown.Fault, Is.EqualTo(TransportFault.Protocol));
        Assert.That(thrown.Message, Does.Contain("2 descriptors, expected 0"));
        Assert.That(OpenDescriptors.Count(), Is.EqualTo(before));
    }

    [Test]
    public void Reply_ToGetConfigForAnotherRange_IsNamed()
    {
        using FrontEndBench bench = new(new VhostUserFrontEndOptions { Force = true });
        bench.Reply("18000000 05000000 14000000 04000000 08000000 00000000 2a00000000000000");
        TransportException thrown = Assert.Throws<TransportException>(() => bench.Front.GetConfig(0, 8))!;
        Assert.That(thrown.Fault, Is.EqualTo(TransportFault.Protocol));
    }

    [Test]
    public void Reply_ThatNeverComes_IsATimeout()
    {
        using FrontEndBench bench = new(new VhostUserFrontEndOptions { Deadline = TimeSpan.FromMilliseconds(5) });
        Assert.That(Assert.Throws<TransportException>(() => bench.Front.GetFeatures())!.Fault, Is.EqualTo(TransportFault.Timeout));
        bench.Reply("01000000 05");
        TransportException thrown = Assert.Throws<TransportException>(() => bench.Front.GetFeatures())!;
        Assert.That(thrown.Fault, Is.EqualTo(TransportFault.Timeout));
        Assert.That(thrown.Message, Does.Contain("after 5 bytes of it: 0100000005"));
    }

    [Test]
    public void BackEnd_ThatCloses_IsSeen()
    {
        using FrontEndBench bench = new();
        Assert.That(bench.Front.IsClosed(), Is.False);
        bench.Reply("01000000 05000000");
        bench.Peer.Dispose();
        Assert.That(bench.Front.IsClosed(), Is.True);
        Assert.That(bench.Front.WaitClosed(TimeSpan.FromSeconds(1)), Is.True);
        Assert.That(Assert.Throws<TransportException>(() => bench.Front.GetFeatures())!.Fault, Is.EqualTo(TransportFault.Closed));
        Assert.That(Assert.Throws<TransportException>(() => bench.Front.SetOwner())!.Fault, Is.EqualTo(TransportFault.Closed));
    }

    [Test]
    public void Bytes_NobodyAskedFor_AreSeenAndLeftThere()
    {
        using FrontEndBench bench = new();
        bench.Front.SetOwner();
        Assert.That(bench.Front.HasUnsolicitedBytes(), Is.False);
        bench.Reply("03000000 05000000 08000000 0000000000000000");
        Assert.That(bench.Front.HasUnsolicitedBytes(), Is.True);
        using ReceivedMessage message = bench.Front.TryReceive(TimeSpan.Zero);
        Assert.That(message.Header, Is.EqualTo(new VhostUserHeader(3, 5, 8)));
        Assert.That(bench.Front.HasUnsolicitedBytes(), Is.False);
    }

    [Test]
    public void Acknowledgements_Pipelined_AreCollectedWithTheNextAnswer()
    {
        using FrontEndBench bench = new();
        bench.Front.SetProtocolFeatures(VhostUserProtocolFeatures.ReplyAck);
        bench.Front.SetOwner();
        bench.Front.SetVringNum(0, 4);
        bench.AssertSent("10000000 01000000 08000000 0800000000000000  03000000 09000000 00000000  08000000 09000000 08000000 00000000 04000000");
        bench.Reply("03000000 05000000 08000000 0000000000000000  08000000 05000000 08000000 0000000000000000");
        Assert.That(bench.Front.HasUnsolicitedBytes(), Is.False, "they are owed");
        bench.Reply("01000000 05000000 08000000 0000000000000000");
        Assert.That(bench.Front.GetFeatures(), Is.EqualTo(VirtioFeatures.None));
    }

    [Test]
    public void Acknowledgement_OfFailure_IsARefusalAndTheConnectionGoesOn()
    {
        using FrontEndBench bench = new();
        bench.Front.SetProtocolFeatures(VhostUserProtocolFeatures.ReplyAck);
        bench.Front.SetOwner();
        bench.Front.SetVringNum(0, 3);
        bench.Front.SetVringBase(0, 0);
        bench.Reply("03000000 05000000 08000000 0000000000000000");
        bench.Reply("08000000 05000000 08000000 1600000000000000");
        bench.Reply("0a000000 05000000 08000000 0000000000000000");
        TransportException thrown = Assert.Throws<TransportException>(() => bench.Front.Flush())!;
        Assert.That(thrown.Fault, Is.EqualTo(TransportFault.Refused));
        Assert.That(thrown.Message, Does.Contain("SET_VRING_NUM").And.Contain("22"));
        bench.Reply("01000000 05000000 08000000 0000000000000000");
        Assert.That(bench.Front.GetFeatures(), Is.EqualTo(VirtioFeatures.None));
    }

    [Test]
    public void Requests_OfFeaturesNotNegotiated_AreNotSentUnlessForced()
    {
        using FrontEndBench bench = new();
        Assert.That(() => bench.Front.ResetDevice(), Throws.TypeOf<TransportException>().With.Property("Fault").EqualTo(TransportFault.Refused));
        Assert.That(() => bench.Front.GetConfig(0, 8), Throws.TypeOf<TransportException>().With.Property("Fault").EqualTo(TransportFault.Refused));
        Assert.That(() => bench.Front.SetVringEnable(0, true), Throws.InvalidOperationException);
        bench.AssertSent("");
    }

    [Test]
    public void Negotiate_BackEndWithoutBit30_AsksForNoMore()
    {
        using FrontEndBench bench = new();
        bench.Reply("01000000 05000000 08000000 0000000001000000");
        bench.Front.Negotiate();
        bench.AssertSent("03000000 01000000 00000000  01000000 01000000 00000000");
        Assert.That(bench.Front.HasEventQueue, Is.False);
        Assert.That(bench.Front.HasConfigSpace, Is.False);
    }

    [Test]
    public void AcceptFeatures_DeviceThatClearsFeaturesOk_IsARefusal()
    {
        using FrontEndBench bench = new(new VhostUserFrontEndOptions { AskForAcknowledgement = false });
        bench.Front.SetProtocolFeatures(VhostUserProtocolFeatures.Status);
        bench.Reply($"01000000 05000000 08000000 {Convert.ToHexString(BackEndBench.Number(Bit30))}");
        bench.Reply("28000000 05000000 08000000 0300000000000000");
        TransportException thrown = Assert.Throws<TransportException>(() => bench.Front.AcceptFeatures(VirtioFeatures.Version1))!;
        Assert.That(thrown.Fault, Is.EqualTo(TransportFault.Refused));
        Assert.That(thrown.Message, Does.Contain("FEATURES_OK"));
    }

    [Test]
    public void Connect_WhereNobodyListens_IsUnreachable()
    {
        foreach (string path in new[] { "/tmp/vs-nobody/socket", "/proc/self/exe", "", new string('x', 200) })
        {
            TransportException thrown = Assert.Throws<TransportException>(() => VhostUserFrontEnd.Connect(path))!;
            Assert.That(thrown.Fault, Is.EqualTo(TransportFault.Unreachable), path);
        }
    }

    [Test]
    public void BackEndChannel_ThatBreaksTheProtocol_IsNamed()
    {
        foreach (string message in new[]
        {
            "02000000 05000000 00000000", "02000000 02000000 00000000", "02000000 01000000 01000000 00", "04000000 01000000 00000000",
            "07000000 01000000 00000000", "02000000 01000000 ffffffff", "02000000 0100",
        })
        {
            (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
            using BackEndChannel channel = new(ours);
            theirs.Send(FrontEndBench.Bytes(message));
            theirs.Dispose();
            TransportException thrown = Assert.Throws<TransportException>(() => channel.TryReceive(TimeSpan.FromSeconds(1)))!;
            Assert.That(thrown.Fault, Is.EqualTo(TransportFault.Protocol), message);
        }
    }

    private static void AssertSends(string bytes, Action<VhostUserFrontEnd> request, int descriptors = 0)
    {
        using FrontEndBench bench = new(new VhostUserFrontEndOptions { Force = true });
        request(bench.Front);
        bench.AssertSent(bytes, descriptors);
    }

    private static void AssertAsks(string bytes, string reply, Action<VhostUserFrontEnd> request)
    {
        using FrontEndBench bench = new(new VhostUserFrontEndOptions { Force = true });
        bench.Reply(reply);
        request(bench.Front);
        bench.AssertSent(bytes);
    }
}
