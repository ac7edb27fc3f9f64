using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Reference.Driver;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

/// <summary>The reference driver at the reference device: each does what the other expects.</summary>
[TestFixture]
internal sealed class DriverTests
{
    private const int Megabyte = 1 << 20;

    private const int MessageDontWait = 0x40;
    private const int MessageEndOfRecord = 0x80;
    private const int MessagePeek = 2;
    private const int MessageTruncated = 0x20;

    private static VirtioFeatures[] Layouts =>
    [
        VirtioFeatures.None,
        VirtioFeatures.RingPacked,
        VirtioFeatures.RingPacked | VirtioFeatures.EventIdx,
        VirtioFeatures.RingPacked | VirtioFeatures.IndirectDesc,
        VirtioFeatures.EventIdx | VirtioFeatures.IndirectDesc,
    ];

    [TestCaseSource(nameof(Layouts))]
    public async Task Stream_OfTheGuest_EchoesAMegabyte(VirtioFeatures withheld)
    {
        using DriverBench bench = new(withheld);
        (int fd, System.Net.Sockets.Socket host) = await bench.Open();
        using (host)
        {
            Task echo = Task.Run(() => EchoBack(host, Megabyte));
            Task<GuestTransfer> sending = bench.Agent.BulkSend(fd, 7, Megabyte);
            GuestTransfer received = await bench.Agent.BulkReceive(fd, 7, Megabyte);
            GuestTransfer sent = await sending;
            await echo;
            AssertWhole(sent);
            AssertWhole(received);
            Assert.That(received.Checksum, Is.EqualTo(sent.Checksum));
        }
    }

    /// <summary>A small window at either end: nobody stalls.</summary>
    [TestCase(2048u, 2048ul)]
    [TestCase(1024u, 300ul)]
    public async Task Stream_OfTheHost_IsEchoedByTheGuest(uint deviceBuffer, ulong guestBuffer)
    {
        using DriverBench bench = new(deviceBuffer: deviceBuffer);
        int listener = await bench.Listen(701);
        await SetBuffer(bench, listener, guestBuffer);
        using System.Net.Sockets.Socket host = bench.Host.Dial();
        Bench.Say(host, "CONNECT 701\n");
        int fd = (await bench.Agent.Accept(listener)).Result.OrThrow("accept");
        Assert.That(Bench.ReadLine(host), Does.StartWith("OK "));

        Task<GuestTransfer> echo = bench.Agent.Echo(fd);
        byte[] data = new byte[Megabyte / 4];
        Random.Shared.NextBytes(data);
        Task sending = Task.Run(() => host.Send(data));
        Assert.That(Bench.Read(host, data.Length), Is.EqualTo(data));
        await sending;
        host.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        GuestTransfer end = await echo;
        Assert.That((end.Result, end.Ended), Is.EqualTo((new GuestResult(data.Length, 0), true)));
    }

    [Test]
    public async Task Seqpacket_Messages_KeepTheirBoundaries()
    {
        using DriverBench bench = new(deviceBuffer: 64 * 1024);
        (int fd, System.Net.Sockets.Socket host) = await bench.Open(type: SocketType.Seqpacket);
        using (host)
        {
            foreach (int length in (int[])[1, 5000, 60_000])
            {
                byte[] data = new byte[length];
                Random.Shared.NextBytes(data);
                Assert.That(await bench.Agent.Send(fd, data, MessageEndOfRecord), Is.EqualTo(new GuestResult(length, 0)));
                byte[] buffer = new byte[64 * 1024];
                Assert.That(buffer[..host.Receive(buffer)], Is.EqualTo(data));

                host.Send(data);
                GuestReceived peeked = await bench.Agent.Receive(fd, 1, MessagePeek | MessageTruncated);
                Assert.That((peeked.Result.Value, peeked.MessageFlags & MessageTruncated), Is.EqualTo((length, length > 1 ? MessageTruncated : 0)));
                GuestReceived received = await bench.Agent.Receive(fd, 60 * 1024);
                Assert.That(received.Data, Is.EqualTo(data));
            }

            Assert.That((await bench.Agent.SendSeeded(fd, 1, 0, [64 * 1024 + 1])).Errno, Is.EqualTo(LinuxErrno.MessageTooLong));
        }
    }

    [Test]
    public async Task HalfClose_OfTheGuest_LeavesTheOtherDirection()
    {
        using DriverBench bench = new();
        (int fd, System.Net.Sockets.Socket host) = await bench.Open();
        using (host)
        {
            (await bench.Agent.Send(fd, [1, 2, 3])).OrThrow("send");
            (await bench.Agent.Shutdown(fd, System.Net.Sockets.SocketShutdown.Send)).OrThrow("shutdown");
            Assert.That(Bench.Read(host, 10), Is.EqualTo(new byte[] { 1, 2, 3 }));
            Assert.That((await bench.Agent.Send(fd, [4])).Errno, Is.EqualTo(LinuxErrno.BrokenPipe));
            host.Send([5, 6]);
            Assert.That((await bench.Agent.Receive(fd, 10)).Data, Is.EqualTo(new byte[] { 5, 6 }));
        }

        GuestReadiness ready = await bench.Agent.Poll([(fd, PollEvents.Readable | PollEvents.PeerClosed)], -1);
        Assert.That(ready.Ready[0], Is.EqualTo(PollEvents.Readable | PollEvents.PeerClosed | PollEvents.HangUp));
        Assert.That((await bench.Agent.Receive(fd, 10)).Result, Is.EqualTo(new GuestResult(0, 0)));
        await ExpectNothingLeft(bench, fd);
    }

    [Test]
    public async Task HalfClose_OfTheHost_IsTheEndOfTheStream()
    {
        using DriverBench bench = new();
        (int fd, System.Net.Sockets.Socket host) = await bench.OpenFromHost();
        using (host)
        {
            host.Send([1]);
            host.Shutdown(System.Net.Sockets.SocketShutdown.Send);
            Assert.That((await bench.Agent.BulkReceive(fd, 0, 10)).Result.Value, Is.EqualTo(1));
            Assert.That((await bench.Agent.Send(fd, [9])).Succeeded);
            Assert.That(Bench.Read(host, 1), Is.EqualTo(new byte[] { 9 }));
            Task<GuestResult> close = bench.Agent.Close(fd);
            Assert.That(Bench.Read(host, 1), Is.Empty);
            Assert.That((await close).Succeeded);
        }
    }

    [Test]
    public async Task Connect_NobodyListens_IsRefusedAtOnce()
    {
        using DriverBench bench = new();
        int fd = await bench.Socket();
        Stopwatch watch = Stopwatch.StartNew();
        Assert.That((await bench.Agent.Connect(fd, new VsockAddress((uint)Cid.Host, 9))).Errno, Is.EqualTo(LinuxErrno.ConnectionReset));
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(1)));

        // It may try again.
        using System.Net.Sockets.Socket listener = bench.Host.Listen(9);
        Assert.That((await bench.Agent.Connect(fd, new VsockAddress((uint)Cid.Host, 9))).Succeeded);
        Assert.That((await bench.Agent.Connect(fd, new VsockAddress((uint)Cid.Host, 9))).Errno, Is.EqualTo(LinuxErrno.IsConnected));
        Assert.That((await bench.Agent.PeerName(fd)).Vsock, Is.EqualTo(new VsockAddress((uint)Cid.Host, 9)));
        Assert.That((await bench.Agent.SocketName(fd)).Vsock.Cid, Is.EqualTo(Bench.Cid));
    }

    [Test]
    public async Task Backlog_Full_RefusesAndRecovers()
    {
        using DriverBench bench = new();
        int listener = await bench.Listen(702, backlog: 2);
        List<System.Net.Sockets.Socket> hosts = [];
        for (int i = 0; i < 2; i++)
        {
            hosts.Add(bench.Host.Dial());
            Bench.Say(hosts[i], "CONNECT 702\n");
            Assert.That(Bench.ReadLine(hosts[i]), Does.StartWith("OK "));
        }

        using (System.Net.Sockets.Socket refused = bench.Host.Dial())
        {
            Bench.Say(refused, "CONNECT 702\n");
            Assert.That(Bench.ReadLine(refused), Is.Empty);
        }

        (await bench.Agent.Accept(listener)).Result.OrThrow("accept");
        hosts.Add(bench.Host.Dial());
        Bench.Say(hosts[2], "CONNECT 702\n");
        Assert.That(Bench.ReadLine(hosts[2]), Does.StartWith("OK "));

        // Those that nobody accepted are reset with their listener.
        (await bench.Agent.Close(listener)).OrThrow("close");
        Assert.That(() => Bench.Read(hosts[1], 1), Is.Empty.Or.InstanceOf<System.Net.Sockets.SocketException>());
        hosts.ForEach(h => h.Dispose());
    }

    [Test]
    public async Task Calls_ThatWait_AreInterrupted()
    {
        using DriverBench bench = new(deviceBuffer: 1024);
        (int fd, System.Net.Sockets.Socket host) = await bench.Open();
        using (host)
        {
            int listener = await bench.Listen(703);
            using CancellationTokenSource cancellation = new();
            CallLimit limit = new(Cancellation: cancellation.Token);
            Task<GuestReceived> receive = bench.Agent.Receive(fd, 1, 0, limit);
            Task<GuestAddressResult> accept = bench.Agent.Accept(listener, limit);
            Task<GuestTransfer> send = bench.Agent.BulkSend(fd, 1, ulong.MaxValue, limit: limit);
            Task<GuestReadiness> poll = bench.Agent.Poll([(listener, PollEvents.Readable)], -1, limit);
            Assert.That((await bench.Agent.Ping()).Succeeded);
            await cancellation.CancelAsync();
            Assert.Multiple(async () =>
            {
                Assert.That((await receive).Result.Errno, Is.EqualTo(LinuxErrno.Interrupted));
                Assert.That((await accept).Result.Errno, Is.EqualTo(LinuxErrno.Interrupted));
                Assert.That((await send).Result.Errno, Is.EqualTo(LinuxErrno.Interrupted));
                Assert.That((await poll).Result.Errno, Is.EqualTo(LinuxErrno.Interrupted));
            });

            Task<GuestReceived> waits = bench.Agent.Receive(fd, 1);
            Assert.That((await bench.Agent.Reset()).Value, Is.EqualTo(2));
            Assert.That((await waits).Result.Errno, Is.EqualTo(LinuxErrno.Interrupted));
            Assert.That((await bench.Agent.Close(fd)).Errno, Is.EqualTo(LinuxErrno.BadDescriptor));
        }
    }

    [Test]
    public async Task NonBlocking_ConnectAndEpoll_TellHowItEnds()
    {
        using DriverBench bench = new();
        using System.Net.Sockets.Socket listener = bench.Host.Listen(704);
        int fd = (await bench.Agent.Socket(SocketType.Stream, nonBlocking: true)).OrThrow("socket");
        int epoll = (await bench.Agent.EpollCreate()).OrThrow("epoll_create");
        (await bench.Agent.EpollControl(epoll, 1, fd, (uint)PollEvents.Writable | (1u << 31), 77)).OrThrow("epoll_ctl");
        Assert.That((await bench.Agent.Connect(fd, new VsockAddress((uint)Cid.Host, 704))).Errno, Is.EqualTo(LinuxErrno.InProgress));
        Assert.That(
            () => bench.Agent.EpollWait(epoll, 4, 1000).Result.Events, Is.EqualTo(new[] { ((uint)PollEvents.Writable, 77ul) }).After(2000, 5));
        Assert.That(BitConverter.ToInt32((await bench.Agent.GetOption(fd, 1, 4, 4)).Value), Is.Zero);
        Assert.That((await bench.Agent.Receive(fd, 1)).Result.Errno, Is.EqualTo(LinuxErrno.WouldBlock));
        (await bench.Agent.SetNonBlocking(fd, false)).OrThrow("fcntl");
        Assert.That((await bench.Agent.Receive(fd, 1, MessageDontWait)).Result.Errno, Is.EqualTo(LinuxErrno.WouldBlock));
    }

    [Test]
    public async Task Guest_TellsWhatTheSuiteAsks()
    {
        using DriverBench bench = new(VirtioFeatures.EventIdx);
        AgentHello(await bench.Agent.Hello);
        GuestState before = await GuestState.Of(bench.Agent);
        (int fd, System.Net.Sockets.Socket host) = await bench.Open();
        using (host)
        {
            Assert.That((await GuestState.Of(bench.Agent)).Sockets, Is.EqualTo(before.Sockets + 1));
            Assert.That((await bench.Agent.LocalCid()).Value, Is.EqualTo(Bench.Cid));
            Assert.That(
                await bench.Agent.AcceptedFeatures(),
                Is.EqualTo(VirtioFeatures.Version1 | VirtioFeatures.RingPacked | VirtioFeatures.IndirectDesc | VirtioFeatures.DeviceType));
            Assert.That((await bench.Agent.ReadKernelLog(await bench.Agent.MarkKernelLog())).Lines, Is.Empty);
            Assert.That((await bench.Agent.Execute("/bin/true", [])).Result.Errno, Is.EqualTo(LinuxErrno.NotImplemented));
            host.Send(new byte[10]);
            Assert.That(() => bench.Agent.UnreadBytes(fd).Result.Value, Is.EqualTo(10).After(2000, 5));
        }

        await ExpectNothingLeft(bench, fd);
        await bench.Agent.PowerOff();
        await bench.Driver.Completion;
        Assert.That(bench.Driver.HasExited);

        static void AgentHello(Guests.Protocol.AgentHello hello) => Assert.That((hello.Release, hello.Problems.Count), Is.EqualTo(("0.1.0-vsockspec-reference-driver", 0)));
    }

    [Test]
    public async Task Options_AreKept()
    {
        using DriverBench bench = new();
        int fd = await bench.Socket();
        await SetBuffer(bench, fd, 5000);
        Assert.That(BitConverter.ToUInt64((await bench.Agent.GetOption(fd, VsockAddress.Family, 0, 8)).Value), Is.EqualTo(5000));
        (await bench.Agent.SetOption(fd, 1, 20, [.. BitConverter.GetBytes(0L), .. BitConverter.GetBytes(10_000L)])).OrThrow("SO_RCVTIMEO");
        Assert.That((await bench.Agent.Receive(fd, 1)).Result.Errno, Is.EqualTo(LinuxErrno.NotConnected));
        Assert.That((await bench.Agent.SetOption(fd, 1, 9999, [0, 0, 0, 0])).Errno, Is.EqualTo(LinuxErrno.NoProtocolOption));
        Assert.That((await bench.Agent.Bind(fd, new VsockAddress(4711, 1))).Errno, Is.EqualTo(LinuxErrno.AddressNotAvailable));
        int other = await bench.Listen(705);
        Assert.That((await bench.Agent.Bind(fd, new VsockAddress((uint)Cid.Any32, 705))).Errno, Is.EqualTo(LinuxErrno.AddressInUse));
        Assert.That((await bench.Agent.Accept(fd)).Result.Errno, Is.EqualTo(LinuxErrno.Invalid));
        (await bench.Agent.SetOption(other, 1, 20, [.. BitConverter.GetBytes(0L), .. BitConverter.GetBytes(10_000L)])).OrThrow("SO_RCVTIMEO");
        Assert.That((await bench.Agent.Accept(other)).Result.Errno, Is.EqualTo(LinuxErrno.WouldBlock));
    }

    [Test]
    public void Device_NotThere_IsAFault()
    {
        (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
        using (ours)
        using (ReferenceDriver driver = ReferenceDriver.Start("/nowhere/at/all", theirs))
        {
            driver.Wait();
            Assert.That(driver.Fault, Does.Contain("/nowhere/at/all"));
        }
    }

    [Test]
    public async Task Program_Drives_WithTheAgentProtocolOnItsStandardStreams()
    {
        using Bench bench = new();
        using System.Net.Sockets.Socket listener = bench.Listen(706);
        using Process program = Process.Start(
            new ProcessStartInfo("dotnet", ["exec", typeof(ReferenceDevice).Assembly.Location, "--drive", bench.Options.Socket!])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            })!;
        (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
        Task toProgram = Task.Run(() => Pump(theirs, program.StandardInput.BaseStream));
        Task fromProgram = Task.Run(() => Pump(program.StandardOutput.BaseStream, theirs));
        using (AgentClient agent = new(new AgentConnection(ours, () => "")))
        {
            int fd = (await agent.Socket(SocketType.Stream)).OrThrow("socket");
            Assert.That((await agent.Connect(fd, new VsockAddress((uint)Cid.Host, 706))).Succeeded);
        }

        await toProgram;
        await fromProgram;
        Assert.That(program.WaitForExit(10_000), Is.True);
        Assert.That(program.ExitCode, Is.Zero);
        theirs.Dispose();
    }

    private static void Pump(UnixStream from, Stream to)
    {
        byte[] buffer = new byte[4096];
        StreamMove move;
        while (from.Wait(PollEvents.Readable, Deadline.In(Guest.Patience)) && (move = from.Receive(buffer)).State == StreamState.Moved)
        {
            to.Write(buffer.AsSpan(0, move.Count));
            to.Flush();
        }

        to.Close();
    }

    private static void Pump(Stream from, UnixStream to)
    {
        byte[] buffer = new byte[4096];
        int count;
        while ((count = from.Read(buffer)) > 0)
        {
            for (int sent = 0; sent < count && to.Send(buffer.AsSpan(sent, count - sent)) is { State: StreamState.Moved } move;)
            {
                sent += move.Count;
            }
        }
    }

    private static async Task SetBuffer(DriverBench bench, int fd, ulong bytes)
    {
        foreach (int option in (int[])[2, 1, 0])
        {
            (await bench.Agent.SetOption(fd, VsockAddress.Family, option, BitConverter.GetBytes(bytes))).OrThrow("setsockopt");
        }
    }

    private static async Task ExpectNothingLeft(DriverBench bench, int fd)
    {
        (await bench.Agent.Close(fd)).OrThrow("close");
        Assert.That(() => GuestState.Of(bench.Agent).Result.Sockets, Is.Zero.After(3000, 5));
    }

    private static void AssertWhole(GuestTransfer transfer) =>
        Assert.That((transfer.Result, transfer.FirstDifference), Is.EqualTo((new GuestResult(Megabyte, 0), -1L)));

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
