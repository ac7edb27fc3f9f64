using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>A whole guest on one thread: its device, its sockets and its agent, put together, and the loop that turns them.</summary>
internal sealed class DriverMachine : IWatcher, IDisposable
{
    private readonly EventLoop loop;
    private readonly Timers timers = new();
    private readonly WakeList wakeups = new();
    private readonly DriverParts parts;
    private readonly DriverLog log;
    private readonly DriverDevice device;
    private readonly TransmitRing transmit;
    private readonly PostedBuffers receive;
    private readonly PostedBuffers? events;
    private readonly PacketSender sender;
    private readonly SocketLifecycle lifecycle;
    private readonly SocketData data;
    private readonly CallTable calls;
    private readonly AgentServer agent;
    private readonly AgentLine line;
    private readonly List<int> watches = [];
    private readonly Func<bool> always = () => true;
    private readonly Func<bool> mayReceive;
    private int deviceWatch;
    private bool isOff;

    /// <summary>Starts the device, which stays its owner's; the agent's line becomes this object's.</summary>
    /// <exception cref="TransportException">The device does not answer, or not as it must.</exception>
    public DriverMachine(DriverDevice device, UnixStream agentLine, DriverParts parts, DriverOptions options, EventLoop loop, Action<string>? sink)
    {
        this.loop = loop;
        this.parts = parts;
        log = new DriverLog(sink);
        this.device = device;

        AddressBook addresses = new();
        transmit = device.MakeTransmitRing(Fail);
        sender = new PacketSender(transmit, parts, device.Identity, options.MaxParked);
        mayReceive = () => sender.MayReceive;
        lifecycle = new SocketLifecycle(addresses, sender, timers, wakeups, device.Identity, parts, options.CloseTimeout);
        data = new SocketData(sender, lifecycle, parts);
        InboundPackets inbound = new(addresses, sender, lifecycle, data, device.Identity, parts);
        receive = device.MakeReceiveQueue(Fail, inbound.Take);
        events = device.HasEventQueue ? device.MakeEventQueue(Fail, TakeEvent) : null;

        DescriptorTable descriptors = new();
        SocketCalls sockets = new(descriptors, lifecycle, device.Identity);
        SystemCalls system = new(descriptors, addresses, device.Identity, log);
        line = new AgentLine(agentLine, loop, timers, frame => agent!.Take(frame));
        calls = new CallTable(timers, wakeups, (id, reply) => line.Send(FrameKind.Reply, id, reply));
        AgentCalls table = new(
            sockets,
            new OptionCalls(sockets, data),
            new DataCalls(sockets, data),
            new BulkCalls(sockets, data),
            new WaitCalls(descriptors, wakeups),
            system,
            calls.CancelAll,
            () => isOff = true);
        agent = new AgentServer(calls, table, new AgentHello(Release, system.UpTime, []), (kind, id, payload) => line.Send(kind, id, payload));
        try
        {
            Start();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What <c>uname -r</c> says. No Linux: cases that need a version of it do not ask this driver.</summary>
    private static string Release { get; } = $"{typeof(DriverMachine).Assembly.GetName().Version?.ToString(3)}-vsockspec-reference-driver";

    /// <summary>Powered off, or the client hung up.</summary>
    public bool IsOver => isOff || line.IsClosed;

    /// <summary>The device hung up.</summary>
    public void Ready(EpollEvents happened)
    {
        if (device.IsGone && watches.Remove(deviceWatch))
        {
            loop.Unwatch(deviceWatch);
            Fail("the device has closed the connection");
        }
    }

    /// <summary>Does what there is to do, then waits for more.</summary>
    public void Turn()
    {
        bool more = events?.Process(always) ?? false;
        if ((transmit.Reclaim() | sender.Unpark()) && parts.Queues.ResumesSenders)
        {
            data.ResumeStarved();
        }

        more |= receive.Process(mayReceive);
        calls.RunWoken();
        transmit.Publish();
        more |= transmit.Sleep() | (events?.Sleep() ?? false);

        // While answers have no place, packets that may need them wait for the tx ring, not for a turn.
        more |= receive.Sleep() && sender.MayReceive;
        loop.Wait(more || !wakeups.IsEmpty ? 0 : timers.NextTimeout);
        timers.Run();
    }

    public void Dispose()
    {
        foreach (int watch in watches)
        {
            loop.Unwatch(watch);
        }

        line.Dispose();
        foreach (DriverQueue queue in Queues)
        {
            queue.Dispose();
        }
    }

    private IEnumerable<DriverQueue> Queues => events is null ? [receive, transmit] : [receive, transmit, events];

    private void Start()
    {
        try
        {
            device.BringUp(transmit, receive, events);
        }
        catch (Exception e) when (e is DriverException or TransportException { Fault: TransportFault.Refused })
        {
            // A guest lives without a device, and its sockets say so.
            device.GiveUp();
            Fail(e.Message);
        }

        foreach (DriverQueue queue in Queues)
        {
            watches.Add(loop.Watch(queue.Call.Fd, EpollEvents.Readable, queue));
        }

        deviceWatch = loop.Watch(device.WatchFd, EpollEvents.PeerClosed, this);
        watches.Add(deviceWatch);
        agent.SayHello();
    }

    private void TakeEvent(ReadOnlySpan<byte> buffer, int valid)
    {
        if (valid < VsockEvent.Size || !parts.Events.IsReset(VsockEvent.Read(buffer)))
        {
            return;
        }

        if (parts.Events.EndsConnections)
        {
            lifecycle.EndAll();
        }

        if (!parts.Events.KeepsListeners)
        {
            lifecycle.EndListeners();
        }

        if (parts.Events.ReadsCidAgain)
        {
            try
            {
                device.ReadCid();
            }
            catch (Exception e) when (e is TransportException or DriverException)
            {
                Fail(e.Message);
            }
        }
    }

    /// <summary>The device cannot be used any more: its sockets fail, and the guest lives on.</summary>
    private void Fail(string defect)
    {
        log.Error(defect);
        device.Identity.IsUp = false;
        foreach (DriverQueue queue in Queues)
        {
            queue.Abandon();
        }

        lifecycle.EndAll();
    }
}
