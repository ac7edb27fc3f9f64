using System.Net.Sockets;
using System.Text;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Targets;
using SocketType = Vsockspec.Wire.SocketType;

namespace Vsockspec.Conformance.Tests;

/// <summary>Debian's kernels in QEMU on the reference device.</summary>
[NonParallelizable]
public sealed class QemuGuestTests
{
    private const ulong GuestCid = 43;
    private const ulong Seed = 11;
    private const int Bytes = 400_000;
    private const uint HostCid = 2;

    /// <summary>For everything that may take as long as this machine is busy.</summary>
    private static readonly CallLimit Long = new(TimeSpan.FromSeconds(60));

    private string _agent = "";
    private InstanceFolder _folder = null!;
    private IVhostUserInstance _device = null!;

    [OneTimeSetUp]
    public void RequireTools()
    {
        string[] missing = [.. ((string[])["qemu-system-x86_64", "clang", "ld.lld"]).Where(tool => ToolBox.OfThisMachine.Find(tool) is null)];
        if (missing.Length > 0)
        {
            Skip($"{string.Join(", ", missing)}: not on this machine; run ci/setup.sh");
        }

        _agent = AgentProgram.Find(GuestCache.Agents(), TestContext.Progress.WriteLine, CancellationToken.None);
    }

    [SetUp]
    public void StartTheDevice()
    {
        _folder = InstanceFolder.Create();
        IDeviceTarget reference = BuiltInTargets.Find("reference", SuiteData.Folder).ToTarget();
        _device = (IVhostUserInstance)reference.Start(new TargetPlace(_folder.Path, GuestCid), CancellationToken.None);
    }

    [TearDown]
    public void EndTheDevice()
    {
        _device?.Dispose();
        _folder?.Dispose();
    }

    [TestCase("debian:6.12", QemuMachine.Q35)]
    [TestCase("debian:6.1", QemuMachine.Q35)]
    public async Task Guest_ByTranslationOnTheReferenceDevice_ConnectsBothWaysAndEchoes(string name, QemuMachine machine)
    {
        GuestKernel kernel = Kernel(name);
        GuestImage image = GuestImage.Build(kernel, _agent, null, CancellationToken.None, QemuLauncher.Modules(machine));
        QemuOptions options = new() { Machine = machine, Accelerator = GuestAccelerator.Tcg, Device = new GuestVsock.VhostUser(_device.Socket) };
        using Guest guest = QemuLauncher.OfThisMachine(ToolBox.OfThisMachine).Start(kernel, image, options, CancellationToken.None);
        TestContext.Progress.WriteLine($"{guest.Machine} {guest.Hello.Release}: agent ready after {guest.ReadyAfter.TotalSeconds:0.00} s");

        Assert.That(guest.Machine.Accelerator, Is.EqualTo("tcg"));
        Assert.That(guest.Hello.Release, Is.EqualTo(kernel.Release));
        Assert.That(guest.Hello.Problems, Is.Empty);
        Assert.That((await guest.Agent.LocalCid()).Value, Is.EqualTo((uint)GuestCid));
        await EchoFromTheGuest(guest.Agent);
        await EchoFromTheHost(guest.Agent);
    }

    [Test]
    public async Task Guest_MachineKilled_IsNoticedWithinSeconds()
    {
        GuestKernel kernel = Kernel("debian:6.12");
        GuestImage image = GuestImage.Build(kernel, _agent, null, CancellationToken.None, QemuLauncher.Modules(QemuMachine.Q35));
        using Guest guest = QemuLauncher.OfThisMachine(ToolBox.OfThisMachine).Start(
            kernel, image, new QemuOptions { Accelerator = GuestAccelerator.Tcg }, CancellationToken.None);
        int listening = (await guest.Agent.Socket(SocketType.Stream)).OrThrow("socket");
        (await guest.Agent.Bind(listening, new VsockAddress(uint.MaxValue, 1))).OrThrow("bind");
        (await guest.Agent.Listen(listening, 1)).OrThrow("listen");
        Task<GuestAddressResult> waiting = guest.Agent.Accept(listening, Long);
        System.Diagnostics.Process.GetProcessById(guest.ProcessId).Kill();
        GuestLostException? lost = await Assert.ThrowsAsync<GuestLostException>(() => waiting.WaitAsync(TimeSpan.FromSeconds(5)));
        Assert.That(lost!.Message, Does.Contain("QEMU ended with signal 9"));
    }

    [Test]
    public void Guest_KernelWithoutItsModules_FailsWithTheConsole()
    {
        GuestKernel kernel = Kernel("debian:6.1");

        // virtio_pci and virtio_console are modules of this kernel: the agent has no line, and the end of the first process is a panic.
        GuestImage image = GuestImage.Build(kernel, _agent, null, CancellationToken.None);
        GuestException? failed = Assert.Throws<GuestException>(() => QemuLauncher.OfThisMachine(ToolBox.OfThisMachine).Start(
            kernel, image, new QemuOptions { Accelerator = GuestAccelerator.Tcg }, CancellationToken.None));
        Assert.That(failed!.Message, Does.Contain("its kernel: Kernel panic - not syncing").And.Contain("vsockspec-agent:"));
    }

    [Test]
    public void Guest_DeviceDoesNotListen_FailsWithWhatQemuSays()
    {
        GuestKernel kernel = Kernel("debian:6.12");
        GuestImage image = GuestImage.Build(kernel, _agent, null, CancellationToken.None, QemuLauncher.Modules(QemuMachine.Q35));
        string nobody = Path.Combine(_folder.Path, "nobody");
        GuestException? failed = Assert.Throws<GuestException>(() => QemuLauncher.OfThisMachine(ToolBox.OfThisMachine).Start(
            kernel, image, new QemuOptions { Accelerator = GuestAccelerator.Tcg, Device = new GuestVsock.VhostUser(nobody) }, CancellationToken.None));
        Assert.That(failed!.Message, Does.Contain("QEMU ended with exit code 1").And.Contain(nobody));
    }

    [Test]
    public void Guest_InitramfsTooBigForTheMemory_IsRefused()
    {
        GuestKernel kernel = Kernel("debian:6.12");
        GuestImage image = GuestImage.Build(kernel, _agent, null, CancellationToken.None, QemuLauncher.Modules(QemuMachine.Q35));
        Assert.That(
            () => QemuLauncher.OfThisMachine(ToolBox.OfThisMachine).Start(
                kernel, image, new QemuOptions { Accelerator = GuestAccelerator.Tcg, MemoryMiB = QemuOptions.MinMemoryMiB }, CancellationToken.None),
            Throws.TypeOf<GuestException>().With.Message.Match(@"memory of 64 MiB is too small: its kernel and an initramfs of \d+ MiB need \d+ MiB"));
    }

    private async Task EchoFromTheGuest(AgentClient agent)
    {
        const uint Port = 5001;
        using Socket listener = new(AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint($"{_device.Uds}_{Port}"));
        listener.Listen(1);
        Task<Socket> accepting = listener.AcceptAsync();
        int fd = (await agent.Socket(SocketType.Stream)).OrThrow("socket");
        (await agent.Connect(fd, new VsockAddress(HostCid, Port), Long)).OrThrow("connect");
        using Socket host = await accepting.WaitAsync(TimeSpan.FromSeconds(20));
        await Echo(agent, fd, host);
    }

    private async Task EchoFromTheHost(AgentClient agent)
    {
        const uint Port = 5002;
        int listening = (await agent.Socket(SocketType.Stream)).OrThrow("socket");
        (await agent.Bind(listening, new VsockAddress(uint.MaxValue, Port))).OrThrow("bind");
        (await agent.Listen(listening, 4)).OrThrow("listen");
        Task<GuestAddressResult> accepting = agent.Accept(listening, Long);
        using Socket host = new(AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, ProtocolType.Unspecified);
        await host.ConnectAsync(new UnixDomainSocketEndPoint(_device.Uds));
        await host.SendAsync(Encoding.ASCII.GetBytes($"CONNECT {Port}\n"));
        byte[] one = new byte[1];
        while (one[0] != '\n')
        {
            Assert.That(await host.ReceiveAsync(one).WaitAsync(TimeSpan.FromSeconds(20)), Is.EqualTo(1));
        }

        await Echo(agent, (await accepting).Result.OrThrow("accept"), host);
    }

    /// <summary>The guest sends back what the host sends; both compare by content.</summary>
    private static async Task Echo(AgentClient agent, int fd, Socket host)
    {
        Task<GuestTransfer> echoing = agent.Echo(fd, limit: Long);
        byte[] sent = new byte[Bytes];
        SeedStream.Fill(Seed, 0, sent);
        Task sending = Task.Run(async () =>
        {
            for (int done = 0; done < sent.Length;)
            {
                done += await host.SendAsync(sent.AsMemory(done));
            }

            host.Shutdown(SocketShutdown.Send);
        });
        byte[] back = new byte[Bytes];
        for (int done = 0; done < back.Length;)
        {
            int received = await host.ReceiveAsync(back.AsMemory(done)).AsTask().WaitAsync(TimeSpan.FromSeconds(60));
            Assert.That(received, Is.GreaterThan(0), $"the echo ended after {done} bytes");
            done += received;
        }

        await sending;
        GuestTransfer transfer = await echoing;
        Assert.That((transfer.Result.Errno, transfer.Result.Value), Is.EqualTo((0, (long)Bytes)));
        Assert.That(transfer.Checksum, Is.EqualTo(Checksum.Of(sent)));
        Assert.That(back, Is.EqualTo(sent));
    }

    private static GuestKernel Kernel(string name)
    {
        GuestKernel? kernel = KernelStore.OfThisUser().Find(name);
        if (kernel is null)
        {
            Skip($"{name} is not cached; fetch it: vsockspec guest fetch {name}");
        }

        return kernel!;
    }

    private static void Skip(string problem)
    {
        if (Environment.GetEnvironmentVariable("CI") == "true")
        {
            Assert.Fail(problem);
        }

        Assert.Ignore(problem);
    }
}
