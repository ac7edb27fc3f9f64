using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Transports;

/// <summary>Kicks before DRIVER_OK (virtio 1.4 section 3.1.1), where the front end passes the driver's status on.</summary>
public sealed class EarlyKickTests
{
    private const DeviceStatus Known = DeviceStatus.Acknowledge | DeviceStatus.Driver | DeviceStatus.FeaturesOk;

    [Test]
    public void Kick_BeforeDriverOk_IsTold()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        EventFd kick = SetUp(bench, queues);
        kick.Signal();
        bench.Session.ProcessMessages();
        bench.Session.ProcessMessages();
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "kicked early 1" }));
    }

    [Test]
    public void Kick_BehindDriverOk_IsNot_EvenIfItIsSeenFirst()
    {
        using TestQueues queues = new();
        using BackEndBench bench = new();
        EventFd kick = SetUp(bench, queues);
        kick.Signal();
        bench.Session.ProcessMessages();
        Assert.That(bench.Acknowledge(VhostUserRequest.SetStatus, BackEndBench.Number((ulong)(Known | DeviceStatus.DriverOk))), Is.Zero);
        bench.Session.ProcessMessages();
        Assert.That(bench.Handler.Take(), Is.EqualTo(new[] { "started 1 disabled base 0" }));
    }

    private static EventFd SetUp(BackEndBench bench, TestQueues queues)
    {
        bench.Open(VhostUserProtocolFeatures.ReplyAck | VhostUserProtocolFeatures.Status);
        bench.SetUp(queues, 1, queues.Ring());
        Assert.That(bench.Acknowledge(VhostUserRequest.SetStatus, BackEndBench.Number((ulong)Known)), Is.Zero);
        EventFd kick = queues.NewDescriptor();
        bench.Kick(1, kick);
        bench.Handler.Take();
        return kick;
    }
}
