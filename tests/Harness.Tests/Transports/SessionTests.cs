using NUnit.Framework;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Transports;

/// <summary>Front end and back end against each other over a real socket.</summary>
public sealed class SessionTests
{
    private const VirtioFeatures Accepted = VirtioFeatures.Version1 | VirtioFeatures.Stream;

    [Test]
    public void Session_UsualOpening_StartsAndStopsEveryQueue()
    {
        (VhostUserFrontEnd front, BackEndHost host) = BackEndHost.Connect();
        using (host)
        using (front)
        using (TestQueues queues = new())
        {
            front.Negotiate();
            const VirtioFeatures OfTheSession = VirtioFeatures.VhostUserProtocolFeatures | VirtioFeatures.VhostLogAll;
            Assert.That(front.OfferedFeatures, Is.EqualTo(host.Handler.OfferedFeatures | OfTheSession));
            Assert.That(front.QueueCount, Is.EqualTo(3));
            Assert.That(VsockConfig.Read(front.ReadConfig(0, 8)), Is.EqualTo(new VsockConfig(42)));
            front.AcceptFeatures(Accepted);
            front.ShareMemory(queues.Memory);
            for (int i = 0; i < 3; i++)
            {
                front.SetUpQueue(queues.Setup(i, (uint)i));
            }

            for (int i = 0; i < 3; i++)
            {
                front.StartQueue(i);
            }

            Assert.That(host.Handler.Take(), Is.EqualTo(new[]
            {
                $"features {(ulong)Accepted:x}", "memory 2", "started 0 base 0", "started 1 base 1", "started 2 base 2",
            }));
            for (uint i = 0; i < 3; i++)
            {
                Assert.That(front.StopQueue((int)i), Is.EqualTo(i));
            }

            Assert.That(host.Handler.Take(), Is.EqualTo(new[] { "stopped 0", "stopped 1", "stopped 2" }));
            Assert.That(front.HasUnsolicitedBytes(), Is.False);
            front.Dispose();
            Assert.That(host.WaitClosed(), Is.True);
            Assert.That(host.Handler.Take(), Is.EqualTo(new[] { "reset" }));
        }
    }

    [Test]
    public void Session_Traffic_CrossesTheRings()
    {
        (VhostUserFrontEnd front, BackEndHost host) = BackEndHost.Connect();
        using (host)
        using (front)
        using (TestQueues queues = new())
        {
            front.Negotiate();
            front.AcceptFeatures(Accepted);
            front.ShareMemory(queues.Memory);
            QueueSetup setup = queues.Setup(1);
            front.SetUpQueue(setup);
            front.StartQueue(1);
            SplitDriverRing driver = new(queues.Memory, setup.Ring);
            ulong buffer = queues.Arena.Allocate(64);
            queues.Memory.Write(buffer, "hello"u8);
            Assert.That(driver.TryPost([RingBuffer.Readable(buffer, 5)], out ushort id), Is.True);
            driver.Publish();
            setup.Kick!.Signal();
            byte[] seen = new byte[5];
            host.Do(_ =>
            {
                BackEndQueue queue = host.Handler.Queues[1];
                DeviceChain chain = new();
                Assert.That(queue.Kick!.Drain(), Is.GreaterThan(0));
                Assert.That(queue.Ring.TryTake(chain), Is.EqualTo(TakeResult.Chain));
                queue.Ring.Memory.Read(chain.Buffers[0].Address, seen);
                queue.Ring.Complete(chain.Id, chain.RingEntries, 0);
                queue.Ring.PublishUsed();
                queue.SignalUsed();
            });
            Assert.That(seen, Is.EqualTo("hello"u8.ToArray()));
            Assert.That(setup.Call!.Drain(), Is.EqualTo(1));
            Assert.That(driver.TryTakeUsed(out UsedChain used), Is.True);
            Assert.That(used, Is.EqualTo(new UsedChain(id, 0)));
            Assert.That(front.StopQueue(1), Is.EqualTo(1));
        }
    }
}
