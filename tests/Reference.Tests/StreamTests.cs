using System.Net.Sockets;
using NUnit.Framework;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

[TestFixture]
internal sealed class StreamTests
{
    private const VirtioFeatures Base = VirtioFeatures.Version1 | VirtioFeatures.Stream | VirtioFeatures.Seqpacket;

    private static readonly VirtioFeatures[] Layouts =
    [
        Base,
        Base | VirtioFeatures.EventIdx | VirtioFeatures.IndirectDesc,
        Base | VirtioFeatures.RingPacked,
        Base | VirtioFeatures.RingPacked | VirtioFeatures.EventIdx | VirtioFeatures.InOrder,
    ];

    [TestCaseSource(nameof(Layouts))]
    public void Flow_GuestConnects_EchoesBothWays(VirtioFeatures features)
    {
        using Bench bench = new();
        using Guest guest = bench.Guest(new GuestOptions { Features = features });
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        flow.SendData("hello"u8);
        Assert.That(Bench.Read(host, 5), Is.EqualTo("hello"u8.ToArray()));
        host.Send("world!"u8);
        GuestPacket packet = flow.Expect(Op.Rw);

        Assert.That(packet.Payload, Is.EqualTo("world!"u8.ToArray()));
        Assert.That(packet.Header.FwdCnt, Is.EqualTo(5));
        Assert.That(packet.Header.BufAlloc, Is.EqualTo(256 * 1024));
    }
}
