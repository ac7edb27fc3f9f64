using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Reference.Driver;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

/// <summary>A reference driver at a scripted device, on one timeline with the calls of the driver's agent.</summary>
internal sealed class ScriptedBench : IDriverObserver, IRingObserver, IDisposable
{
    public const ulong Cid = 77;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("vs-");
    private readonly Timeline timeline = new(TimeSpan.FromSeconds(5));
    private readonly bool isMutant;

    public ScriptedBench(VirtioFeatures features = VirtioFeatures.None, DriverParts? parts = null, DriverOptions? options = null, bool waits = true)
    {
        isMutant = parts is not null;
        DeviceSetup setup = new() { Offered = DeviceSetup.Usual | features, GuestCid = Cid };
        Device = new ScriptedDevice(setup, Path.Combine(folder.FullName, "d"), this);
        Device.Attach(timeline);
        (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
        Driver = ReferenceDriver.Start(Device.Socket, theirs, parts, options, Log.Add);
        Agent = new AgentClient(new AgentConnection(ours, () => ""));
        if (waits)
        {
            Await(Agent.Hello);
            Assert.That(timeline.WaitUntil(() => Device.IsUp));
        }
    }

    public ScriptedDevice Device { get; }

    public ReferenceDriver Driver { get; }

    public AgentClient Agent { get; }

    /// <summary>What the driver says of its device.</summary>
    public List<string> Log { get; } = [];

    /// <summary>What the driver did wrong on its rings.</summary>
    public List<string> Errors { get; } = [];

    public Timeline Timeline => timeline;

    public T Await<T>(Task<T> call)
    {
        using EventFd done = new();
        Task signalled = call.ContinueWith(_ => done.Signal(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        while (!timeline.WaitUntil(() => call.IsCompleted, new PollEntry(done.Fd, PollEvents.Readable)))
        {
        }

        signalled.GetAwaiter().GetResult();
        return call.GetAwaiter().GetResult();
    }

    /// <summary>A listener of the guest on a port.</summary>
    public int Listen(uint port, SocketType type = SocketType.Stream, int backlog = 16)
    {
        int fd = Await(Agent.Socket(type)).OrThrow("socket");
        Await(Agent.Bind(fd, new VsockAddress((uint)Wire.Cid.Any32, port))).OrThrow("bind");
        Await(Agent.Listen(fd, backlog)).OrThrow("listen");
        return fd;
    }

    /// <summary>A connection that the device opened, with both ends.</summary>
    public (int Guest, Flow Flow) Open(uint port = 700, SocketType type = SocketType.Stream, uint bufAlloc = 256 * 1024)
    {
        int listener = Listen(port, type);
        Flow flow = Device.NewFlow(port + 1, port, type);
        flow.BufAlloc = bufAlloc;
        _ = flow.Connect();
        int fd = Await(Agent.Accept(listener)).Result.OrThrow("accept");
        Await(Agent.Close(listener)).OrThrow("close");
        return (fd, flow);
    }

    /// <summary>Both sides are as they should be: whatever was sent has been answered, and the driver lives.</summary>
    public void ExpectAlive()
    {
        Device.Fence();
        Assert.That(Await(Agent.Ping()).Succeeded);
    }

    public IRingObserver SessionBegan(VirtioFeatures features, bool resumes) => this;

    public void DriverErred(string requirement, int queue, string detail) => Errors.Add($"{requirement} {VsockQueue.Name(queue)}: {detail}");

    public void Posted(int queue, uint id, ReadOnlySpan<RingBuffer> buffers)
    {
    }

    public void Published(int queue)
    {
    }

    public void Kicked(int queue)
    {
    }

    public void Called(int queue, ulong count)
    {
    }

    public void Used(int queue, UsedChain chain)
    {
    }

    public void SentPacket(uint id, ReadOnlySpan<byte> packet)
    {
    }

    public void ReceivedPacket(uint id, ReadOnlySpan<byte> packet)
    {
    }

    public void Fenced()
    {
    }

    public void Violated(string requirement, int queue, string detail) => Errors.Add(detail);

    public void Dispose()
    {
        Agent.Dispose();
        Driver.Dispose();
        Device.Dispose();
        folder.Delete(recursive: true);
        if (!isMutant)
        {
            Assert.That(Driver.Fault, Is.Null);
            Assert.That(Errors, Is.Empty);
        }
    }
}
