using System.Net.Sockets;
using System.Text;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Targets;
using SocketType = Vsockspec.Wire.SocketType;

namespace Vsockspec.Conformance.Tests;

/// <summary>A guest in user-mode Linux on the reference device: real sockets in a real kernel, scripted from here.</summary>
public sealed class UmlGuestTests
{
    private const ulong GuestCid = 42;
    private const ulong Seed = 7;
    private const ulong Bytes = 3_000_000;
    private const int FewBytes = 500_000;
    private const int ConnectionReset = 104;
    private const int BadDescriptor = 9;
    private const int Interrupted = 4;
    private const uint HostCid = 2;

    /// <summary>For everything that may take as long as this machine is busy.</summary>
    private static readonly CallLimit Long = new(TimeSpan.FromSeconds(60));

    private GuestKernel _kernel = null!;
    private GuestImage _image = null!;
    private InstanceFolder _folder = null!;
    private IVhostUserInstance _device = null!;
    private Guest _guest = null!;

    private AgentClient Agent => _guest.Agent;

    [OneTimeSetUp]
    public void BootTheGuest()
    {
        string[] missing = [.. ((string[])["linux", "clang", "ld.lld"]).Where(tool => ToolBox.OfThisMachine.Find(tool) is null)];
        if (missing.Length > 0)
        {
            string problem = $"{string.Join(", ", missing)}: not on this machine; run ci/setup.sh";
            if (Environment.GetEnvironmentVariable("CI") == "true")
            {
                Assert.Fail(problem);
            }

            Assert.Ignore(problem);
        }

        string agent = AgentProgram.Find(GuestCache.Agents(), TestContext.Progress.WriteLine, CancellationToken.None);
        Assert.That(new FileInfo(agent).Length, Is.LessThanOrEqualTo(3_000_000), "bytes of the agent");
        _kernel = UmlKernel.Get(ToolBox.OfThisMachine, CancellationToken.None);
        _image = GuestImage.Build(_kernel, agent, null, CancellationToken.None);
        Assert.That(GuestImage.Build(_kernel, agent, null, CancellationToken.None).Digest, Is.EqualTo(_image.Digest));

        _folder = InstanceFolder.Create();
        IDeviceTarget reference = BuiltInTargets.Find("reference", SuiteData.Folder).ToTarget();
        _device = (IVhostUserInstance)reference.Start(new TargetPlace(_folder.Path, GuestCid), CancellationToken.None);
        _guest = UmlLauncher.Start(_kernel, _image, new UmlOptions { DeviceSocket = _device.Socket }, CancellationToken.None);
        TestContext.Progress.WriteLine($"user-mode Linux {_guest.Hello.Release}: agent ready after {_guest.ReadyAfter.TotalSeconds:0.00} s, image {_image.Content.Length} bytes {_image.Digest}");
    }

    [OneTimeTearDown]
    public void EndTheGuest()
    {
        _guest?.Dispose();
        _device?.Dispose();
        _folder?.Dispose();
    }

    [SetUp]
    public async Task CloseWhatIsLeft() => await Agent.Reset();

    [Test]
    public async Task Guest_OnTheReferenceDevice_HasItsCidAndNoProblems()
    {
        Assert.That(_guest.Hello.Problems, Is.Empty);
        GuestValue<uint> cid = await Agent.LocalCid();
        Assert.That((cid.Result.Errno, cid.Value), Is.EqualTo((0, (uint)GuestCid)), cid.Result.ToString());
    }

    [Test]
    public async Task Stream_FromTheGuest_CarriesDataBothWaysAtOnce()
    {
        const uint Port = 5001;
        using Socket listener = Listen(Port);
        Task<Socket> accepting = listener.AcceptAsync();
        int fd = (await Agent.Socket(SocketType.Stream)).OrThrow("socket");
        (await Agent.Connect(fd, new VsockAddress(HostCid, Port), Long)).OrThrow("connect");
        using Socket host = await accepting.WaitAsync(TimeSpan.FromSeconds(10));
        await AssertHostEchoes(fd, host);
    }

    [Test]
    public async Task Stream_FromTheHost_CarriesDataBothWaysAtOnce()
    {
        const uint Port = 5002;
        int listening = (await Agent.Socket(SocketType.Stream)).OrThrow("socket");
        (await Agent.Bind(listening, new VsockAddress(uint.MaxValue, Port))).OrThrow("bind");
        (await Agent.Listen(listening, 4)).OrThrow("listen");
        Task<GuestAddressResult> accepting = Agent.Accept(listening, Long);
        using Socket host = new(AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, ProtocolType.Unspecified);
        host.ReceiveTimeout = 30_000;
        await host.ConnectAsync(new UnixDomainSocketEndPoint(_device.Uds));
        host.Send(Encoding.ASCII.GetBytes($"CONNECT {Port}\n"));
        Assert.That(ReadLine(host), Does.StartWith("OK "));
        GuestAddressResult accepted = await accepting;
        Assert.That(accepted.Vsock.Cid, Is.EqualTo(HostCid));
        await AssertGuestEchoes(accepted.Result.OrThrow("accept"), host);
    }

    [Test]
    public async Task Connect_ToAPortWithoutListener_IsResetWithTheKernelsErrno()
    {
        int fd = (await Agent.Socket(SocketType.Stream)).OrThrow("socket");
        GuestResult result = await Agent.Connect(fd, new VsockAddress(HostCid, 5999), Long);
        Assert.That(result, Is.EqualTo(new GuestResult(-1, ConnectionReset)));
    }

    [Test]
    public async Task Accept_Cancelled_EndsWithEintrWhileOtherCallsGoOn()
    {
        int listening = (await Agent.Socket(SocketType.Stream)).OrThrow("socket");
        (await Agent.Bind(listening, new VsockAddress(uint.MaxValue, 5003))).OrThrow("bind");
        (await Agent.Listen(listening, 1)).OrThrow("listen");
        using CancellationTokenSource stop = new();
        Task<GuestAddressResult> accepting = Agent.Accept(listening, new CallLimit(TimeSpan.FromSeconds(60), stop.Token));
        Assert.That((await Agent.Ping()).Succeeded);
        Assert.That(accepting.IsCompleted, Is.False);
        await stop.CancelAsync();
        Assert.That((await accepting).Result.Errno, Is.EqualTo(Interrupted));
    }

    [Test]
    public async Task Accept_PastItsDeadline_IsInterruptedAndToldApart()
    {
        int listening = (await Agent.Socket(SocketType.Stream)).OrThrow("socket");
        (await Agent.Bind(listening, new VsockAddress(uint.MaxValue, 5004))).OrThrow("bind");
        (await Agent.Listen(listening, 1)).OrThrow("listen");
        Assert.That(
            async () => await Agent.Accept(listening, new CallLimit(TimeSpan.FromMilliseconds(50))),
            Throws.TypeOf<GuestTimeoutException>().With.Message.Contains("Accept").And.Message.Not.Contains("could not"));
    }

    [Test]
    public async Task Poll_OfAListener_TellsWhenSomebodyConnects()
    {
        const uint Port = 5005;
        int listening = (await Agent.Socket(SocketType.Stream, nonBlocking: true)).OrThrow("socket");
        (await Agent.Bind(listening, new VsockAddress(uint.MaxValue, Port))).OrThrow("bind");
        (await Agent.Listen(listening, 1)).OrThrow("listen");
        GuestReadiness before = await Agent.Poll([(listening, PollEvents.Readable)], 0);
        Assert.That((before.Result.Value, before.Ready[0]), Is.EqualTo((0L, PollEvents.None)));
        using Socket host = new(AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, ProtocolType.Unspecified);
        await host.ConnectAsync(new UnixDomainSocketEndPoint(_device.Uds));
        host.Send(Encoding.ASCII.GetBytes($"CONNECT {Port}\n"));
        GuestReadiness after = await Agent.Poll([(listening, PollEvents.Readable)], 10_000, Long);
        Assert.That(after.Ready, Is.EqualTo(new[] { PollEvents.Readable }));
        GuestReadiness unknown = await Agent.Poll([(999, PollEvents.Readable)], 10_000, Long);
        Assert.That(unknown.Ready, Is.EqualTo(new[] { PollEvents.Invalid }));
    }

    [Test]
    public async Task Seqpacket_WithSmallBuffer_TellsTruncationAndRecordEnd()
    {
        const uint Port = 5006;
        const int Truncate = 0x20;
        const int EndOfRecord = 0x80;
        int listening = (await Agent.Socket(SocketType.Seqpacket)).OrThrow("socket");
        (await Agent.Bind(listening, new VsockAddress(uint.MaxValue, Port))).OrThrow("bind");
        (await Agent.Listen(listening, 1)).OrThrow("listen");
        using Socket host = new(AddressFamily.Unix, System.Net.Sockets.SocketType.Seqpacket, ProtocolType.Unspecified);
        await host.ConnectAsync(new UnixDomainSocketEndPoint(_device.Uds + "_seqpacket"));
        host.Send(Encoding.ASCII.GetBytes($"CONNECT {Port}\n"));
        int fd = (await Agent.Accept(listening, Long)).Result.OrThrow("accept");
        (await Agent.Send(fd, [1, 2, 3, 4, 5], EndOfRecord, [2, 0, 3])).OrThrow("send");
        byte[] buffer = new byte[100];
        host.ReceiveTimeout = 10_000;
        Assert.That(host.Receive(buffer), Is.GreaterThan(0), "the OK line");
        Assert.That(host.Receive(buffer), Is.EqualTo(5));
        host.Send(buffer.AsSpan(0, 5));
        GuestReceived received = await Agent.Receive(fd, 3, Truncate, Long);
        Assert.That((received.Result.Value, received.Data.Length, received.MessageFlags & Truncate), Is.EqualTo((5L, 3, Truncate)));
    }

    [Test]
    public async Task Descriptors_OfTheAgentItself_AreOutOfReach()
    {
        for (int fd = 0; fd < 20; fd++)
        {
            Assert.That((await Agent.Close(fd)).Errno, Is.EqualTo(BadDescriptor), $"descriptor {fd}");
        }
    }

    [Test]
    public async Task KernelLogAndCounters_AreRead()
    {
        ulong mark = await Agent.MarkKernelLog();
        GuestKernelLog all = await Agent.ReadKernelLog(0);
        Assert.That(all.Lines, Has.Some.Contains("Linux version"));
        Assert.That((await Agent.ReadKernelLog(mark)).Lines, Is.Empty);
        GuestCounters counters = await Agent.Counters();
        Assert.That(counters.AvailableKiB, Is.InRange(1024, 256 << 10));
        Assert.That(counters.BusyTicks + counters.IdleTicks, Is.Positive);
    }

    [Test]
    public async Task Guest_PoweredOffUnderACall_FailsTheCallWithTheConsole()
    {
        using Guest guest = UmlLauncher.Start(_kernel, _image, new UmlOptions(), CancellationToken.None);
        Task<GuestReadiness> waiting = guest.Agent.Poll([], -1, Long);
        await guest.Agent.PowerOff();
        Assert.That(
            async () => await waiting.WaitAsync(TimeSpan.FromSeconds(10)),
            Throws.TypeOf<GuestLostException>().With.Message.Contains("the end of its console").And.Message.Contains("System halted"));
        Assert.That(guest.WaitForExit(TimeSpan.FromSeconds(10)), Is.True);
    }

    [Test]
    public void Guest_WithTooLittleMemory_TellsWhatItsConsoleSays()
    {
        GuestException? problem = Assert.Throws<GuestException>(
            () => UmlLauncher.Start(_kernel, _image, new UmlOptions { MemoryMiB = 16, BootLimit = TimeSpan.FromSeconds(20) }, CancellationToken.None).Dispose());
        Assert.That(problem!.Message, Does.Contain("did not boot").And.Contain("the end of its console"));
    }

    /// <summary>The guest sends a seed's bytes and compares what comes back from the host meanwhile.</summary>
    private async Task AssertHostEchoes(int fd, Socket host)
    {
        host.ReceiveTimeout = host.SendTimeout = 30_000;
        Task echo = Task.Run(() =>
        {
            byte[] buffer = new byte[64 << 10];
            for (int n; (n = host.Receive(buffer)) > 0;)
            {
                host.Send(buffer.AsSpan(0, n));
            }
        });
        Task<GuestTransfer> receiving = Agent.BulkReceive(fd, Seed, Bytes, limit: Long);
        GuestTransfer sent = await Agent.BulkSend(fd, Seed, Bytes, limit: Long);
        GuestTransfer received = await receiving;
        Assert.That(sent.Result, Is.EqualTo(new GuestResult((long)Bytes, 0)));
        Assert.That((received.Result, received.FirstDifference, received.Checksum), Is.EqualTo((sent.Result, -1L, sent.Checksum)));
        (await Agent.Shutdown(fd, SocketShutdown.Send)).OrThrow("shutdown");
        await echo.WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>The host sends a seed's bytes and compares what comes back from the guest meanwhile.</summary>
    private async Task AssertGuestEchoes(int fd, Socket host)
    {
        host.ReceiveTimeout = host.SendTimeout = 30_000;
        Task<GuestTransfer> echoing = Agent.Echo(fd, limit: Long);
        Task sending = Task.Run(() =>
        {
            byte[] data = new byte[FewBytes];
            SeedStream.Fill(Seed, 0, data);
            host.Send(data);
            host.Shutdown(SocketShutdown.Send);
        });
        byte[] back = new byte[FewBytes];
        await Task.Run(() => ReadFully(host, back));
        Assert.That(SeedStream.FirstDifference(Seed, 0, back, new byte[back.Length]), Is.EqualTo(-1));
        await sending;
        GuestTransfer echoed = await echoing;
        Assert.That((echoed.Result, echoed.Ended, echoed.Checksum), Is.EqualTo((new GuestResult(FewBytes, 0), true, Checksum.Of(back))));
    }

    private Socket Listen(uint port)
    {
        Socket listener = new(AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint($"{_device.Uds}_{port}"));
        listener.Listen(4);
        return listener;
    }

    private static void ReadFully(Socket host, Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            int n = host.Receive(target);
            Assert.That(n, Is.Positive, $"{target.Length} bytes are missing");
            target = target[n..];
        }
    }

    private static string ReadLine(Socket host)
    {
        StringBuilder line = new();
        Span<byte> one = stackalloc byte[1];
        while (host.Receive(one) == 1 && one[0] != (byte)'\n')
        {
            line.Append((char)one[0]);
        }

        return line.ToString();
    }
}
