using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Peers;

/// <summary>A raw driver on a scripted device, over a real socket and on one timeline.</summary>
internal sealed class ScriptedBench : IDisposable, IDriverObserver, IRingObserver
{
    private const ulong GuestCid = 77;
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    private readonly string folder = Directory.CreateTempSubdirectory("vs").FullName;
    private readonly Timeline timeline = new(Long);

    public ScriptedBench(SessionOptions? options = null, DeviceSetup? setup = null)
    {
        options ??= new SessionOptions();
        setup ??= new DeviceSetup { Offered = options.Features | DeviceSetup.Usual, GuestCid = GuestCid };
        Device = new ScriptedDevice(setup, Path.Combine(folder, "d.sock"), this);
        Device.Attach(timeline);
        FrontEnd = Serving(() => VhostUserFrontEnd.Connect(Device.Socket, new VhostUserFrontEndOptions { Deadline = Long }));
        Serving(() => FrontEnd.Negotiate());
        Driver = Serving(() => new RawDriver(FrontEnd, timeline, options with { Start = false }, this, GuestCid, seed: 1));
        if (options.Start)
        {
            Start();
        }
    }

    public ScriptedDevice Device { get; }

    public VhostUserFrontEnd FrontEnd { get; }

    public RawDriver Driver { get; }

    public Timeline Timeline => timeline;

    /// <summary>What the device held against the driver, by requirement.</summary>
    public List<string> Errors { get; } = [];

    /// <summary>Fences that the device has come through.</summary>
    public int Fences { get; private set; }

    /// <summary>As <see cref="RawDriver.Start"/>, while the device serves the front end.</summary>
    public void Start()
    {
        Driver.Rx.Refill();
        Driver.Tx.Flush();
        Serving(() => FrontEnd.StartQueue(VsockQueue.Rx));
        Serving(() => FrontEnd.StartQueue(VsockQueue.Tx));
        timeline.Add(Driver);
        _ = timeline.WaitUntil(() => Device.IsUp);
    }

    /// <summary>An established flow that the driver opened, with both ends.</summary>
    public (Flow OfDriver, Flow OfDevice) Open()
    {
        const uint Port = 1234;
        Flow ofDriver = Driver.NewFlow(Port);
        ofDriver.Send(Op.Request);
        Flow ofDevice = Device.ExpectRequest(Port);
        ofDevice.Send(Op.Response);
        _ = ofDriver.Expect("no-response", Op.Response);
        return (ofDriver, ofDevice);
    }

    /// <summary>A packet of the driver as one readable buffer of its own.</summary>
    public RingBuffer Place(VsockHeader header, ReadOnlySpan<byte> payload = default)
    {
        byte[] packet = [.. new byte[VsockHeader.Size], .. payload];
        header.Write(packet);
        ulong at = Driver.Arena.Allocate((uint)packet.Length);
        Driver.Memory.Write(at, packet);
        return RingBuffer.Readable(at, (uint)packet.Length);
    }

    /// <summary>The driver answers every REQUEST with RST, as a guest in which nobody listens.</summary>
    public void RefuseRequests() => timeline.Add(new Refusal(Driver));

    /// <summary>Runs something of the front end that waits for the device, which is served meanwhile.</summary>
    public T Serving<T>(Func<T> call)
    {
        using EventFd done = new();
        Task<T> running = Task.Run(call);
        Task signalled = running.ContinueWith(_ => done.Signal(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        while (!timeline.WaitUntil(() => running.IsCompleted, new PollEntry(done.Fd, PollEvents.Readable)))
        {
        }

        signalled.GetAwaiter().GetResult();
        return running.GetAwaiter().GetResult();
    }

    /// <inheritdoc cref="Serving{T}(Func{T})"/>
    public void Serving(Action call) => _ = Serving(() =>
    {
        call();
        return true;
    });

    public void Dispose()
    {
        Driver.Dispose();
        Device.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    IRingObserver IDriverObserver.SessionBegan(VirtioFeatures features, bool resumes) => this;

    void IDriverObserver.DriverErred(string requirement, int queue, string detail) => Errors.Add($"{requirement} {VsockQueue.Name(queue)}");

    void IRingObserver.Fenced() => Fences++;

    void IRingObserver.Posted(int queue, uint id, ReadOnlySpan<RingBuffer> buffers)
    {
    }

    void IRingObserver.Published(int queue)
    {
    }

    void IRingObserver.Kicked(int queue)
    {
    }

    void IRingObserver.Called(int queue, ulong count)
    {
    }

    void IRingObserver.Used(int queue, UsedChain chain)
    {
    }

    void IRingObserver.SentPacket(uint id, ReadOnlySpan<byte> packet)
    {
    }

    void IRingObserver.ReceivedPacket(uint id, ReadOnlySpan<byte> packet)
    {
    }

    void IRingObserver.Violated(string requirement, int queue, string detail)
    {
    }

    private sealed class Refusal(RawDriver driver) : IPumped
    {
        public void Pump()
        {
            while (driver.TakeStray(p => p.Op == Op.Request) is { Header: var asked })
            {
                driver.Send(new VsockHeader
                {
                    SrcCid = asked.DstCid,
                    DstCid = asked.SrcCid,
                    SrcPort = asked.DstPort,
                    DstPort = asked.SrcPort,
                    Type = asked.Type,
                    Op = Op.Rst,
                });
            }
        }

        public int PrepareToSleep(Span<PollEntry> entries) => 0;

        public void Woken(ReadOnlySpan<PollEntry> entries)
        {
        }
    }
}
