using System.Diagnostics;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>What a driver does when it is told that its connections are gone (virtio 1.4 section 5.10.6.7).</summary>
[Area("driver-events")]
public static class DriverEventCases
{
    private const uint TransportReset = 0;
    private const uint EventSize = 4;
    private const int Window = 4096;

    /// <summary>"Quickly" has no number; a virtual machine that is migrated twice within this is busy indeed.</summary>
    private const double QuickMs = 1000;

    [Case(
        "VSC-2200",
        "VS-EVT-DRV-3",
        "VS-EVT-DRV-2",
        "VS-X-42",
        Title = "TRANSPORT_RESET ends every call that waits on a connection, whoever opened it, and nothing of the old connections is received any more",
        Vary = Vary.Rings,
        Regressions = ["KB-D15"])]
    public static void TransportReset_CallsWait_AllEnd(DriverContext c)
    {
        _ = c.NeedEventQueue();
        List<(string Name, GuestSocket Guest, Flow Flow)> readers = DrivenEnd.OpenEvery(c);
        List<(string Name, GuestSocket Guest, Flow Flow)> writers = DrivenEnd.OpenEvery(c, Window);
        List<(string Name, GuestSocket Guest, Flow Flow)> pollers = DrivenEnd.OpenEvery(c);
        List<Task<GuestReceived>> reading = [.. readers.Select(r => DrivenEnd.BeginReceive(c, r.Guest))];
        List<Task<GuestTransfer>> writing = [.. writers.Select(w => w.Guest.BulkSend(c.Seed, 8 * Window, Window / 2))];
        List<Task<GuestReadiness>> polling = [.. pollers.Select(p => DrivenEnd.BeginPoll(c, p.Guest, PollEvents.Readable | PollEvents.PeerClosed))];
        DriverContext.Require(
            c.Eventually(() => writers.All(w => w.Flow.RxCnt == Window)), "guest-cannot-send", $"{Window} bytes on each flow, for which there is credit", "fewer");
        c.Fence();
        _ = c.Await(c.Agent.LocalCid());
        long reads = c.Device.Journal.ConfigReads;
        (string Name, GuestSocket Guest, Flow Flow)[] all = [.. readers, .. writers, .. pollers];
        int[] before = [.. all.Select(a => a.Flow.Log.Count)];

        EffectTimes effects = new(c);
        c.Device.SendEvent(TransportReset);
        effects.Await("guest_cid read", () => c.Device.Journal.ConfigReads > reads);
        Add(readers, reading, "reader", r => r.Result.ToString());
        Add(writers, writing, "writer", w => w.Result.ToString());
        Add(pollers, polling, "poller", p => p.Ready[0].ToString());
        IReadOnlyList<string> missing = effects.Missing();
        c.Record("reset.timeline", effects);
        c.Record("reset.last_call_ms", effects.LastMs);
        DriverContext.Require(missing.Count == 0, "call-outlives-reset", "guest_cid is read again and every call that waits ends", $"not so: {string.Join(", ", missing)}");
        foreach (Task<GuestReceived> reader in reading)
        {
            DriverContext.Require(c.Await(reader).Result.Value <= 0, "data-made-up", "end of file or an error at the reader", c.Await(reader).Result.ToString());
        }

        c.Fence();
        c.Record("reset.told_to_device", DrivenEnd.Told([.. all.SelectMany((a, i) => DrivenEnd.Since(a.Flow, before[i])).Distinct()]));
        ExpectDead(c, all);
        effects.Note("packets of the old flows answered");
        DrivenEnd.EchoOnFresh(c);
        effects.Note("new connections of both sides have carried data and are closed");
        c.Record("reset.timeline", effects);

        void Add<T>(List<(string Name, GuestSocket, Flow)> ends, List<Task<T>> calls, string what, Func<T, string> describe)
        {
            for (int i = 0; i < ends.Count; i++)
            {
                effects.Await($"{what}, {ends[i].Name}", calls[i], describe);
            }
        }
    }

    [Case(
        "VSC-2201",
        "VS-EVT-DRV-2",
        "VS-RXTX-DRV-1",
        "VS-X-42",
        Title = "After TRANSPORT_RESET with another guest_cid the guest has that CID: applications are told it, REQUEST carries it, and old connections are over",
        Regressions = ["KB-D15"])]
    public static void TransportReset_CidChanged_GuestHasTheNewOne(DriverContext c)
    {
        _ = c.NeedEventQueue();
        ulong former = c.GuestCid;
        (GuestSocket old, Flow oldFlow) = DrivenSocket.Open(c);
        (GuestSocket oldAccepted, Flow oldFlowOfDevice) = DrivenSocket.OpenFromDevice(c);
        Task<GuestReceived> reader = DrivenEnd.BeginReceive(c, old);
        Task<GuestReceived> acceptedReader = DrivenEnd.BeginReceive(c, oldAccepted);
        c.Fence();
        EffectTimes effects = Change(c, NewCid(c));
        effects.Await("reader, flow of the guest", reader, r => r.Result.ToString());
        effects.Await("reader, flow of the device", acceptedReader, r => r.Result.ToString());
        IReadOnlyList<string> missing = effects.Missing();
        DriverContext.Require(missing.Count == 0, "call-outlives-reset", "every call that waits ends", $"not so: {string.Join(", ", missing)}");

        uint port = c.NewHostPort();
        GuestSocket guest = GuestSocket.Create(c);
        Task<GuestResult> connecting = guest.BeginConnect(Cid.Host, port);
        Flow flow = c.Device.ExpectRequest(port);
        effects.Note($"REQUEST from CID {flow.Id.GuestCid}");
        DriverContext.Require(flow.Id.GuestCid == c.GuestCid, "old-cid-used", $"REQUEST from CID {c.GuestCid}", $"from {flow.Id.GuestCid}; it was {former} before");
        flow.Send(Op.Response);
        c.Await(connecting).OrThrow("connect");
        GuestFlow.Echo(c, guest, flow);
        effects.Note("data both ways on it");
        c.Record("reset.timeline", effects);

        // Their address is another guest's now, for all the driver knows, so there may be no answer; nor may there be data.
        ExpectDead(c, [("flow of the guest", old, oldFlow), ("flow of the device", oldAccepted, oldFlowOfDevice)], mayBeSilent: true);
        (GuestSocket late, Flow lateFlow) = DrivenSocket.OpenFromDevice(c);
        GuestFlow.Echo(c, late, lateFlow);
        PutBack(c, former);
        (GuestSocket last, Flow lastFlow) = DrivenSocket.Open(c);
        GuestFlow.Echo(c, last, lastFlow);
    }

    [Case("VSC-2202", "VS-EVT-DRV-4", "VS-X-42", Title = "Listeners work on after TRANSPORT_RESET: bound to any CID when that changes too, bound to the guest's own while it stays")]
    public static void TransportReset_Listeners_WorkOn(DriverContext c)
    {
        _ = c.NeedEventQueue();
        ulong former = c.GuestCid;
        GuestSocket any = GuestSocket.Create(c);
        uint anyPort = any.Listen();
        GuestSocket own = GuestSocket.Create(c);
        uint ownPort = c.NewGuestPort();
        own.Bind(ownPort, former).OrThrow("bind");
        c.Await(c.Agent.Listen(own.Fd, 8)).OrThrow("listen");
        Task<GuestAddressResult> accepting = c.Agent.Accept(any.Fd, DrivenEnd.Limit(c));
        GuestSocket packets = GuestSocket.Create(c, SocketType.Seqpacket);
        uint packetPort = packets.Listen();
        c.Fence();

        Reset(c);
        DriverContext.Require(!accepting.IsCompleted, "accept-ended", "accept waits on: the listener remains", $"{(accepting.IsCompleted ? c.Await(accepting).Result.ToString() : "")}");
        Flow flow = c.Device.NewFlow(c.NewHostPort(), anyPort);
        _ = flow.Connect();
        GuestFlow.Echo(c, new GuestSocket(c, c.Await(accepting).Result.OrThrow("accept")), flow);
        Serves(own, ownPort, SocketType.Stream);
        if (c.Accepted.HasFlag(VirtioFeatures.Seqpacket))
        {
            Serves(packets, packetPort, SocketType.Seqpacket);
        }

        _ = Change(c, NewCid(c));
        Serves(any, anyPort, SocketType.Stream);
        if (c.Accepted.HasFlag(VirtioFeatures.Seqpacket))
        {
            Serves(packets, packetPort, SocketType.Seqpacket);
        }

        PutBack(c, former);
        Serves(any, anyPort, SocketType.Stream);
        Serves(own, ownPort, SocketType.Stream);

        void Serves(GuestSocket listener, uint port, SocketType type)
        {
            Flow again = c.Device.NewFlow(c.NewHostPort(), port, type);
            _ = again.Connect();
            GuestFlow.Echo(c, listener.Accept(), again);
        }
    }

    [Case("VSC-2203", "VS-EVT-DRV-4", "VS-X-42", Title = "A listener that is bound to the guest's own CID is reached at the new one after TRANSPORT_RESET has changed it")]
    public static void TransportReset_CidChanged_ListenerOfTheOldOneFollows(DriverContext c)
    {
        _ = c.NeedEventQueue();
        ulong former = c.GuestCid;
        GuestSocket own = GuestSocket.Create(c);
        uint port = c.NewGuestPort();
        own.Bind(port, former).OrThrow("bind");
        c.Await(c.Agent.Listen(own.Fd, 8)).OrThrow("listen");
        Flow flow = c.Device.NewFlow(c.NewHostPort(), port);
        _ = flow.Connect();
        _ = own.Accept();
        _ = Change(c, NewCid(c));
        Flow again = c.Device.NewFlow(c.NewHostPort(), port);
        bool accepted = DrivenEnd.TryConnect(again);
        c.Record("listener.own_cid.name_after_change", own.Name().Cid == c.GuestCid ? "the new CID" : own.Name().Cid == former ? "the old CID" : $"{own.Name().Cid}");
        DriverContext.Require(
            accepted,
            "listener-keeps-old-cid",
            $"RESPONSE: the socket that listened at CID {former} listens at CID {c.GuestCid} now",
            "RST");
        GuestFlow.Echo(c, own.Accept(), again);
        PutBack(c, former);
    }

    [Case("VSC-2204", "VS-EVT-DRV-1", "VS-X-41", Title = "Event buffers come back quickly: one, all of them at once, and all once more")]
    public static void EventBuffers_Used_ComeBack(DriverContext c)
    {
        EventBuffers buffers = EventBuffers.Take(c);
        c.Record("event.buffers", buffers.Count);
        c.Record("event.buffer_bytes", buffers.Smallest);
        DriverContext.Require(buffers.Smallest >= EventSize, "event-buffer-short", "room for an event of 4 bytes in each buffer", $"{buffers.Smallest} bytes");
        double one = buffers.Turn(1, TransportReset);
        double every = buffers.Turn(buffers.Count, TransportReset);
        double again = buffers.Turn(buffers.Count, TransportReset);
        c.Record("event.one_back_ms", one);
        c.Record("event.all_back_ms", every);
        c.Record("event.all_back_again_ms", again);
        c.Discourage(
            Math.Max(one, Math.Max(every, again)) > QuickMs,
            "event-buffers-late",
            "event buffers are replenished quickly",
            $"{one} ms for one, {every} and {again} ms for all {buffers.Count}");
        buffers.Release(TransportReset);
        Reset(c);
        DrivenEnd.EchoOnFresh(c);
    }

    [Case("VSC-2205", "VS-X-41", Title = "Events that the specification does not know change nothing, and their buffers come back")]
    public static void UnknownEvents_ChangeNothing(DriverContext c)
    {
        _ = c.NeedEventQueue();
        List<(string Name, GuestSocket Guest, Flow Flow)> all = DrivenEnd.OpenEvery(c);
        EventBuffers buffers = EventBuffers.Take(c);
        foreach (uint id in (ReadOnlySpan<uint>)[1, 0x8000_0000, 0xffff_ffff])
        {
            _ = buffers.Turn(buffers.Count, id);
            foreach ((_, GuestSocket guest, Flow flow) in all)
            {
                GuestFlow.Echo(c, guest, flow);
            }
        }

        buffers.Release(TransportReset);
        EffectTimes effects = new(c);
        foreach ((string name, GuestSocket guest, _) in all)
        {
            effects.Await(name, DrivenEnd.BeginReceive(c, guest), r => r.Result.ToString());
        }

        IReadOnlyList<string> missing = effects.Missing();
        DriverContext.Require(missing.Count == 0, "call-outlives-reset", "TRANSPORT_RESET still ends connections", $"not so: {string.Join(", ", missing)}");
    }

    [Case("VSC-2206", "B-30", Title = "An event whose used length is not 4 is ignored or taken for what it says, and its buffer comes back", Probe = true, Regressions = ["KB-D15"])]
    public static void EventLength_Wrong_BufferComesBack(DriverContext c)
    {
        _ = c.NeedEventQueue();
        foreach (uint told in (ReadOnlySpan<uint>)[0, 3, 8])
        {
            (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
            GuestFlow.Echo(c, guest, flow);
            EventBuffers buffers = EventBuffers.Take(c);
            _ = buffers.Turn(buffers.Count, TransportReset, told);
            GuestResult received = guest.Receive(10, GuestMessage.DontWait).Result;
            bool lives = received.Errno == GuestErrno.WouldBlock;
            c.Record($"event.used_length_{told}", lives ? "ignored" : "TRANSPORT_RESET");
            if (lives)
            {
                GuestFlow.Echo(c, guest, flow);
            }

            buffers.Release(TransportReset);
            DriverContext.Require(
                c.Await(DrivenEnd.BeginReceive(c, guest)).Result.Value <= 0, "reset-ignored", $"TRANSPORT_RESET is still heard after used length {told}", "the connection lives");
        }

        DrivenEnd.EchoOnFresh(c);
    }

    [Case(
        "VSC-2207",
        "VS-EVT-DRV-3",
        "VS-EVT-DRV-1",
        "VS-X-42",
        Title = "A hundred TRANSPORT_RESETs, each on connections of both sides that live, end all of them, and the same listener accepts the next",
        Slow = true,
        Regressions = ["KB-D15"])]
    public static void TransportReset_AHundredTimes_EachEndsConnections(DriverContext c)
    {
        const int Times = 100;
        _ = c.NeedEventQueue();
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        List<double> times = [];
        for (int i = 0; i < Times; i++)
        {
            Flow flow = c.Device.NewFlow(c.NewHostPort(), port);
            _ = flow.Connect();
            GuestSocket accepted = listener.Accept();
            (GuestSocket guest, Flow ofGuest) = DrivenSocket.Open(c);
            GuestFlow.Echo(c, accepted, flow);
            GuestFlow.Echo(c, guest, ofGuest);
            Task<GuestReceived>[] reading = [DrivenEnd.BeginReceive(c, accepted), DrivenEnd.BeginReceive(c, guest)];
            EffectTimes effects = new(c);
            c.Device.SendEvent(TransportReset);
            effects.Await("reader, flow of the device", reading[0], r => r.Result.ToString());
            effects.Await("reader, flow of the guest", reading[1], r => r.Result.ToString());
            IReadOnlyList<string> missing = effects.Missing();
            DriverContext.Require(missing.Count == 0, "call-outlives-reset", $"reset {i}: both readers end", $"not so: {string.Join(", ", missing)}");
            times.Add(effects.LastMs);
            accepted.Close().OrThrow("close");
            guest.Close().OrThrow("close");
        }

        times.Sort();
        c.Record("reset.median_ms", times[Times / 2]);
        c.Record("reset.slowest_ms", times[^1]);
    }

    [Case("VSC-2208", "B-30", Title = "A connect that waits for its answer while TRANSPORT_RESET comes fails or works, but is not left half open", Probe = true)]
    public static void TransportReset_WhileConnecting_IsConsistent(DriverContext c)
    {
        _ = c.NeedEventQueue();
        (GuestSocket accepted, Flow answered, Task<GuestResult> first) = Begin();
        (_, Flow refused, Task<GuestResult> second) = Begin();
        Reset(c);
        c.Record("reset.connecting.ended_by_event", first.IsCompleted);
        answered.Send(Op.Response);
        refused.Reset();
        EffectTimes effects = new(c);
        effects.Await("connect, answered with RESPONSE", first, r => r.ToString());
        effects.Await("connect, answered with RST", second, r => r.ToString());
        IReadOnlyList<string> missing = effects.Missing();
        c.Record("reset.connecting", effects);
        DriverContext.Require(missing.Count == 0, "call-outlives-reset", "both connects end", $"not so: {string.Join(", ", missing)}");
        DriverContext.Require(!c.Await(second).Succeeded, "refusal-ignored", "the connect that RST answers fails", "it succeeds");
        if (c.Await(first).Succeeded)
        {
            GuestFlow.Echo(c, accepted, answered);
        }

        DrivenEnd.EchoOnFresh(c);

        (GuestSocket, Flow, Task<GuestResult>) Begin()
        {
            uint port = c.NewHostPort();
            GuestSocket guest = GuestSocket.Create(c);
            Task<GuestResult> connecting = guest.BeginConnect(Cid.Host, port);
            return (guest, c.Device.ExpectRequest(port), connecting);
        }
    }

    [Case("VSC-2209", "B-30", Title = "A close that waits for its answer while TRANSPORT_RESET comes returns, and its ends are free in the end", Isolation = Isolation.Process, Probe = true, Slow = true)]
    public static void TransportReset_WhileClosing_IsSurvived(DriverContext c)
    {
        const int Linger = 2;
        _ = c.NeedEventQueue();
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        Flow flow = c.Device.NewFlow(c.NewHostPort(), port);
        _ = flow.Connect();
        listener.Accept().Close().OrThrow("close");
        DrivenEnd.ExpectShutdown(flow, ShutdownFlags.Both);
        (GuestSocket lingering, Flow other) = DrivenSocket.Open(c);
        lingering.SetLinger(Linger);
        Task<GuestResult> closing = c.Agent.Close(lingering.Fd, DrivenEnd.Limit(c));
        DrivenEnd.ExpectShutdown(other, ShutdownFlags.Both);
        Reset(c);
        c.Timeline.Patience += TimeSpan.FromSeconds(Linger);
        EffectTimes effects = new(c);
        effects.Await($"close with SO_LINGER of {Linger} s", closing, r => r.ToString());
        IReadOnlyList<string> missing = effects.Missing();
        c.Record("reset.closing.lingers", effects);
        DriverContext.Require(missing.Count == 0, "call-outlives-reset", "close returns", "it still waits");
        flow.Reset();
        other.Reset();
        c.Fence();
        c.Record("reset.closing.ends", DrivenEnd.TryConnect(c.Device.Register(flow.Id)) ? "free once the device has answered" : "kept, although the device has answered");
        DrivenEnd.EchoOnFresh(c);
    }

    [Case("VSC-2210", "VS-EVT-DRV-3", "VS-X-42", Title = "TRANSPORT_RESET also ends connections that wait to be accepted or have data unread; the listener's next one lives")]
    public static void TransportReset_NotAcceptedOrUnread_IsOverToo(DriverContext c)
    {
        _ = c.NeedEventQueue();
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        Flow waiting = c.Device.NewFlow(c.NewHostPort(), port);
        _ = waiting.Connect();
        (GuestSocket guest, Flow unread) = DrivenSocket.Open(c);
        byte[] down = c.RandomBytes(500);
        unread.Write(down);
        c.Fence();
        EffectTimes effects = new(c);
        Reset(c);

        List<byte> read = [];
        Task<GuestReceived> reader;
        while (true)
        {
            reader = DrivenEnd.BeginReceive(c, guest, 200);
            if (!c.Eventually(() => reader.IsCompleted, [reader]))
            {
                throw new ExpectationException("call-outlives-reset", "a receive ends after TRANSPORT_RESET", $"it still waits after {read.Count} bytes");
            }

            GuestReceived part = c.Await(reader);
            if (part.Result.Value <= 0)
            {
                break;
            }

            read.AddRange(part.Data);
        }

        Exchange.Same([.. read], down.AsSpan(0, Math.Min(read.Count, down.Length)), "device to guest before the reset");
        c.Record("reset.unread", $"{(read.Count == down.Length ? "all" : read.Count == 0 ? "nothing" : "some")}, then {c.Await(reader).Result}");

        Flow next = c.Device.NewFlow(c.NewHostPort(), port);
        _ = next.Connect();
        GuestAddressResult first = c.Await(c.Agent.Accept(listener.Fd, DrivenEnd.Limit(c)));
        bool oldComes = first.Result.Succeeded && first.Vsock.Port == waiting.Id.HostPort;
        c.Record("reset.not_accepted", !first.Result.Succeeded ? $"accept gives {first.Result}" : oldComes ? "accept gives a connection that is over" : "accept gives the next one");
        if (oldComes)
        {
            effects.Await("reader of a connection that waited to be accepted", DrivenEnd.BeginReceive(c, new GuestSocket(c, (int)first.Result.Value)), r => r.Result.ToString());
            DriverContext.Require(effects.Missing().Count == 0, "old-flow-lives", "a connection that waited to be accepted is over", "a receive on it waits");
        }

        GuestSocket live = oldComes || !first.Result.Succeeded ? listener.Accept() : new GuestSocket(c, (int)first.Result.Value);
        GuestFlow.Echo(c, live, next);
    }

    /// <summary>Another CID that a guest may have.</summary>
    private static ulong NewCid(DriverContext c) => c.GuestCid + 1 + (ulong)c.Random.Next(1000);

    /// <summary>TRANSPORT_RESET, and what the specification says first of it: guest_cid is read again.</summary>
    private static void Reset(DriverContext c)
    {
        long reads = c.Device.Journal.ConfigReads;
        c.Device.SendEvent(TransportReset);
        DriverContext.Require(c.Eventually(() => c.Device.Journal.ConfigReads > reads), "cid-not-read", "guest_cid is read again after TRANSPORT_RESET", "it is not");

        // The driver may have read it and not have gone through its connections yet.
        _ = c.Await(c.Agent.LocalCid());
        c.Fence();
    }

    /// <summary>TRANSPORT_RESET with another CID, until the guest has it.</summary>
    private static EffectTimes Change(DriverContext c, ulong cid)
    {
        long reads = c.Device.Journal.ConfigReads;
        c.ChangeGuestCid(cid);
        EffectTimes effects = new(c);
        c.Device.SendEvent(TransportReset);
        effects.Await("guest_cid read", () => c.Device.Journal.ConfigReads > reads);
        DriverContext.Require(effects.Missing().Count == 0, "cid-not-read", "guest_cid is read again after TRANSPORT_RESET", "it is not");
        uint told = 0;
        DriverContext.Require(
            c.Eventually(() => (told = c.Await(c.Agent.LocalCid()).Value) == cid), "cid-not-taken", $"IOCTL_VM_SOCKETS_GET_LOCAL_CID gives {cid}", $"it gives {told}");
        effects.Note("applications are told the new CID");
        return effects;
    }

    /// <summary>The guest is as it was, for the cases after this one.</summary>
    private static void PutBack(DriverContext c, ulong former)
    {
        _ = Change(c, former);
        c.Fence();
    }

    /// <summary>Packets of connections that TRANSPORT_RESET has ended reach nobody.</summary>
    private static void ExpectDead(DriverContext c, (string Name, GuestSocket Guest, Flow Flow)[] ends, bool mayBeSilent = false)
    {
        int[] before = [.. ends.Select(e => e.Flow.Log.Count)];
        foreach ((_, _, Flow flow) in ends)
        {
            flow.Send(Op.Rw, c.RandomBytes(20), flow.Id.Type == SocketType.Seqpacket ? (uint)SeqpacketFlags.EndOfMessage : 0);
        }

        c.Fence();
        for (int i = 0; i < ends.Length; i++)
        {
            (string name, GuestSocket guest, Flow flow) = ends[i];
            List<Op> answer = DrivenEnd.Since(flow, before[i]);
            DriverContext.Require(
                answer.Count <= 1 && answer.All(op => op == Op.Rst), "old-flow-lives", $"RST for data on a {name} from before the reset, or nothing", DrivenEnd.Told(answer));
            c.Record("reset.old_flow.answer", DrivenEnd.Told(answer));
            c.Discourage(answer.Count == 0 && !mayBeSilent, "no-rst-for-unknown-flow", $"RST for data on a {name} from before the reset", "nothing");
            DrivenEnd.ExpectNoData(guest, "TRANSPORT_RESET");
        }
    }

    /// <summary>The event buffers that the driver has posted, taken out of the ring; what is given back and comes again is taken again.</summary>
    private sealed class EventBuffers
    {
        private readonly DriverContext c;
        private readonly ScriptedQueue queue;
        private readonly List<HeldChain> held = [];

        private EventBuffers(DriverContext c)
        {
            this.c = c;
            queue = c.NeedEventQueue();
            DriverContext.Require(c.Eventually(() => queue.HasAvailable), "no-event-buffer", "a buffer in the event queue", "none");

            // Those of an event before may be under way still.
            c.Fence();
            _ = c.Await(c.Agent.LocalCid());
            TakeMore();
            Count = held.Count;
        }

        public int Count { get; }

        /// <summary>Bytes.</summary>
        public long Smallest => held.Min(buffer => (long)buffer.WritableBytes);

        public static EventBuffers Take(DriverContext c) => new(c);

        /// <summary>Gives an event with each of so many buffers at once; the milliseconds until all have come back.</summary>
        public double Turn(int count, uint id, uint used = EventSize)
        {
            long start = Stopwatch.GetTimestamp();
            Give(count, id, used);
            bool came = c.Eventually(() =>
            {
                TakeMore();
                return held.Count >= Count;
            });
            return came
                ? Math.Round(Stopwatch.GetElapsedTime(start).TotalMilliseconds, 1)
                : throw new ExpectationException(
                    "event-buffers-lost", $"{count} event buffers come back", $"{count - Count + held.Count} after event {id} with used length {used}");
        }

        /// <summary>Gives an event with every buffer, and leaves those that come back to the driver.</summary>
        public void Release(uint id) => Give(held.Count, id, EventSize);

        private void Give(int count, uint id, uint used)
        {
            foreach (HeldChain buffer in held.Take(count))
            {
                _ = queue.Write(buffer, BitConverter.GetBytes(id));
                queue.Complete(buffer, used);
            }

            held.RemoveRange(0, count);
            queue.Publish();
        }

        private void TakeMore()
        {
            while (queue.TryTake() is { } buffer)
            {
                held.Add(buffer);
            }
        }
    }
}
