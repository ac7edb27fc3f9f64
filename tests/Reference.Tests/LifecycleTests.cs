using System.Net.Sockets;
using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

[TestFixture]
[NonParallelizable]
internal sealed class LifecycleTests
{
    [Test]
    public void FrontEndGoes_HostApplicationsSeeTheEndAndTheNextStartsClean()
    {
        using Bench bench = new();
        using Socket listener = bench.Listen(80);
        for (int i = 0; i < 3; i++)
        {
            Socket host;
            using (Guest guest = bench.Guest())
            {
                host = new GuestFlow(guest, 1024, 80).Connect(listener);
                guest.ExpectNothing(new Fence());
            }

            Assert.That(Bench.Read(host, 1), Is.Empty);
            host.Dispose();
        }
    }

    [Test]
    public void SecondFrontEnd_WaitsForTheFirst()
    {
        using Bench bench = new();
        Guest first = bench.Guest();
        Task<Guest> second = Task.Run(() => bench.Guest());

        first.ExpectNothing(new Fence());
        Assert.That(second.IsCompleted, Is.False);
        first.Dispose();

        using Guest guest = second.Result;
        guest.ExpectNothing(new Fence());
    }

    [Test]
    public void ManySessions_LeakNoDescriptors()
    {
        using Bench bench = new();
        using Socket listener = bench.Listen(80);
        int before = 0;
        for (int i = 0; i < 220; i++)
        {
            if (i == 20)
            {
                before = OpenDescriptors();
            }

            using Guest guest = bench.Guest(new GuestOptions { QueueSize = 16, Buffers = 8 });
            using Socket host = new GuestFlow(guest, 1024, 80).Connect(listener);
            using Socket dialled = bench.Dial();
            Bench.Say(dialled, i % 2 == 0 ? "CONNECT 1\n" : "CONN");
            host.Send("left behind"u8);
        }

        using (Guest last = bench.Guest())
        {
            last.ExpectNothing(new Fence());
        }

        Assert.That(() => OpenDescriptors(), Is.LessThanOrEqualTo(before + 5).After(2000, 20));
    }

    [Test]
    public void IdleDevice_WithAStuckGuest_UsesNoProcessor()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest(new GuestOptions { Buffers = 0 });
        using Socket listener = bench.Listen(80);
        guest.PostBuffers(1);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);
        host.Send(new byte[10_000]);
        while (flow.Free > 0)
        {
            flow.SendData(new byte[Math.Min(flow.Free, 65536)]);
        }

        guest.WaitUntil(() => guest.TxOutstanding == 0, "the data");
        Thread.Sleep(20);
        TimeSpan before = DeviceTime();
        Thread.Sleep(300);

        Assert.That((DeviceTime() - before).TotalMilliseconds, Is.LessThan(3));
    }

    [Test]
    public void SteadyState_AllocatesNothingPerPacket()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);
        byte[] buffer = new byte[64];
        Exchange(2000);
        long before = bench.Device.AllocatedBytes;

        Exchange(2000);

        Assert.That(bench.Device.AllocatedBytes - before, Is.LessThan(8 * 1024));

        void Exchange(int rounds)
        {
            for (int i = 0; i < rounds; i++)
            {
                flow.SendData(buffer);
                Assert.That(host.Receive(buffer), Is.EqualTo(64));
                host.Send(buffer);
                flow.FwdCnt += (uint)flow.Receive(64).Length;
            }
        }
    }

    [Test]
    public void StoppedQueues_AreNotTouched()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest();
        using Socket listener = bench.Listen(80);
        using Socket host = new GuestFlow(guest, 1024, 80).Connect(listener);
        guest.FrontEnd.StopQueue(VsockQueue.Rx);
        guest.FrontEnd.StopQueue(VsockQueue.Tx);
        byte[][] before = Snapshot(guest);

        host.Send("nobody takes this"u8);
        using Socket dialled = bench.Dial();
        Bench.Say(dialled, "CONNECT 1\n");
        guest.FrontEnd.ReadConfig(0, 8);
        Thread.Sleep(20);

        Assert.That(Snapshot(guest).Zip(before).All(p => p.First.AsSpan().SequenceEqual(p.Second)), Is.True);
    }

    [Test]
    public void Queues_WithoutKicks_ArePolled()
    {
        using Bench bench = new();
        using Guest guest = bench.Guest(new GuestOptions { Polled = true });
        using Socket listener = bench.Listen(80);
        GuestFlow flow = new(guest, 1024, 80);
        using Socket host = flow.Connect(listener);

        host.Send("x"u8);
        flow.Expect(Op.Rw);
    }

    [TestCase(0ul)]
    [TestCase(1ul)]
    [TestCase(2ul)]
    [TestCase(uint.MaxValue)]
    [TestCase(ulong.MaxValue)]
    [TestCase(1ul << 32)]
    public void ReservedCid_IsRefused(ulong cid)
    {
        ReferenceOptions options = new() { Socket = "/tmp/vs-unused", Uds = "/tmp/vs-unused-uds", GuestCid = cid };

        Assert.That(() => ReferenceDevice.Start(options), Throws.ArgumentException.With.Message.Contains("--cid"));
    }

    [Test]
    public void SecondDevice_OnTheSamePaths_IsRefusedAndLeavesTheFirstAlone()
    {
        using Bench bench = new();

        Assert.That(() => ReferenceDevice.Start(bench.Options), Throws.TypeOf<ErrnoException>());
        Assert.That(
            () => ReferenceDevice.Start(bench.Options with { Uds = bench.Options.Uds + "2" }),
            Throws.TypeOf<ErrnoException>().With.Message.Contains(bench.Options.Socket!));

        using Guest guest = bench.Guest();
        guest.ExpectNothing(new Fence());
    }

    private static int OpenDescriptors() => Directory.GetFileSystemEntries("/proc/self/fd").Length;

    private static byte[][] Snapshot(Guest guest) =>
        [.. guest.Memory.Regions.Select(r => guest.Memory.Slice(r.GuestAddress, (uint)Math.Min(r.Size, 8 << 20)).ToArray())];

    // The first number of schedstat is the time on a processor, in nanoseconds; Linux keeps 15 characters of a thread's name.
    private static TimeSpan DeviceTime()
    {
        string thread = Directory.GetDirectories("/proc/self/task").Single(t => File.ReadAllText(t + "/comm").Trim() == "reference devic");
        return TimeSpan.FromMicroseconds(long.Parse(File.ReadAllText(thread + "/schedstat").Split(' ')[0]) / 1000);
    }
}
