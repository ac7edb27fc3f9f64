using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

/// <summary>The reference driver at the reference device: each does what the other expects.</summary>
[TestFixture]
internal sealed class DriverTests
{
    private const int Megabyte = 1 << 20;

    private static VirtioFeatures[] Layouts =>
    [
        VirtioFeatures.None,
        VirtioFeatures.RingPacked,
        VirtioFeatures.RingPacked | VirtioFeatures.EventIdx,
        VirtioFeatures.RingPacked | VirtioFeatures.IndirectDesc,
        VirtioFeatures.EventIdx | VirtioFeatures.IndirectDesc,
    ];

    [TestCaseSource(nameof(Layouts))]
    public async Task Echo_OfAMegabyte_IsWhole(VirtioFeatures withheld)
    {
        using DriverBench bench = new(withheld);
        (int fd, System.Net.Sockets.Socket host) = await bench.Open();
        using (host)
        {
            Task echo = Task.Run(() => EchoBack(host, Megabyte));
            Task<GuestTransfer> sent = bench.Agent.BulkSend(fd, 7, Megabyte);
            GuestTransfer received = await bench.Agent.BulkReceive(fd, 7, Megabyte);
            await echo;
            Assert.Multiple(async () =>
            {
                Assert.That((await sent).Result, Is.EqualTo(new GuestResult(Megabyte, 0)));
                Assert.That(received.Result, Is.EqualTo(new GuestResult(Megabyte, 0)));
                Assert.That(received.FirstDifference, Is.EqualTo(-1));
                Assert.That(received.Checksum, Is.EqualTo((await sent).Checksum));
            });
        }
    }

    private static void EchoBack(System.Net.Sockets.Socket socket, int count)
    {
        byte[] buffer = new byte[32 * 1024];
        while (count > 0)
        {
            int received = socket.Receive(buffer);
            if (received == 0)
            {
                break;
            }

            socket.Send(buffer.AsSpan(0, received));
            count -= received;
        }
    }
}
