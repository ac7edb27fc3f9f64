using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Reference.Driver;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

/// <summary>A reference driver at a reference device, both in this process, and the client of the driver's agent.</summary>
internal sealed class DriverBench : IDisposable
{
    private readonly Bench bench;

    public DriverBench(VirtioFeatures withheld = VirtioFeatures.None, DriverParts? parts = null, DriverOptions? options = null, uint deviceBuffer = 256 * 1024)
    {
        bench = new Bench(o => o with { WithheldFeatures = withheld, BufferBytes = deviceBuffer });
        (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
        Driver = ReferenceDriver.Start(bench.Options.Socket!, theirs, parts, options, TestContext.Progress.WriteLine);
        Agent = new AgentClient(new AgentConnection(ours, () => Driver.Fault ?? ""));
    }

    public Bench Host => bench;

    public ReferenceDriver Driver { get; }

    public AgentClient Agent { get; }

    public async Task<int> Socket(SocketType type = SocketType.Stream) => (await Agent.Socket(type)).OrThrow("socket");

    /// <summary>A listener of the guest on a port.</summary>
    public async Task<int> Listen(uint port, SocketType type = SocketType.Stream, int backlog = 16)
    {
        int fd = await Socket(type);
        (await Agent.Bind(fd, new VsockAddress((uint)Cid.Any32, port))).OrThrow("bind");
        (await Agent.Listen(fd, backlog)).OrThrow("listen");
        return fd;
    }

    /// <summary>A connection that the guest opened, with both ends.</summary>
    public async Task<(int Guest, System.Net.Sockets.Socket Host)> Open(uint port = 700, SocketType type = SocketType.Stream)
    {
        using System.Net.Sockets.Socket listener = bench.Listen(port, type);
        int fd = await Socket(type);
        (await Agent.Connect(fd, new VsockAddress((uint)Cid.Host, port))).OrThrow("connect");
        return (fd, await listener.AcceptAsync());
    }

    /// <summary>A connection that the host opened, with both ends.</summary>
    public async Task<(int Guest, System.Net.Sockets.Socket Host)> OpenFromHost(uint port = 701)
    {
        int listener = await Listen(port);
        System.Net.Sockets.Socket host = bench.Dial();
        Bench.Say(host, $"CONNECT {port}\n");
        int fd = (await Agent.Accept(listener)).Result.OrThrow("accept");
        Assert.That(Bench.ReadLine(host), Does.StartWith("OK "));
        (await Agent.Close(listener)).OrThrow("close");
        return (fd, host);
    }

    public void Dispose()
    {
        Agent.Dispose();
        Driver.Dispose();
        bench.Dispose();
        Assert.That(Driver.Fault, Is.Null);
    }
}
