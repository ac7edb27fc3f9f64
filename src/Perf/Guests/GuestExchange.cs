using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Perf.Measuring;
using SocketType = Vsockspec.Wire.SocketType;

namespace Vsockspec.Perf.Guests;

/// <summary>What one measurement has to do with: the agent in the guest, and host applications.</summary>
internal sealed class GuestExchange : IDisposable
{
    public const uint HostCid = 2;

    /// <summary>Bytes of a socket's buffer in the guest, which is Linux' own default, and vsock_perf's.</summary>
    public const int SocketBuffer = 256 << 10;

    /// <summary>How it ended is told with the result.</summary>
    public const string TargetEnded = "the target went away";

    /// <summary>Host applications accept as they get the processor; connections wait for them here.</summary>
    private const int Backlog = 4096;

    private const int GlanceMs = 20;
    private const int SocketBufferSize = 0;
    private const int SocketBufferMaxSize = 2;

    /// <summary>No two measurements have a port in common, so that none meets what the one before left.</summary>
    private static uint lastPort = 0x5100_0000;

    private readonly IHostPeer host;
    private readonly Bench bench;

    public GuestExchange(AgentClient agent, Bench bench)
    {
        Agent = agent;
        this.bench = bench;

        // A guest in a machine whose processors are translated may stand still for half a minute, and goes on.
        Patience = KvmProof.IsTranslated ? 6 * bench.Patience : bench.Patience;
        host = bench.Target.OpenHost(new Timeline(Patience));
    }

    public AgentClient Agent { get; }

    /// <summary>How long nothing may move.</summary>
    public TimeSpan Patience { get; }

    /// <summary>Of a call that lasts as long as a transfer does.</summary>
    public CallLimit Limit => new(Patience * Bench.LongestTransfer, bench.Cancellation);

    public static uint NewPort() => Interlocked.Increment(ref lastPort);

    public static T Done<T>(Task<T> call) => call.GetAwaiter().GetResult();

    public HostListener Listen(uint port) => host.Listen(port, SocketType.Stream, Backlog);

    public HostConnection Connect(uint guestPort) => host.Connect(guestPort);

    /// <summary>Runs vsock_perf in the guest.</summary>
    public Task<GuestProgramEnd> Execute(IReadOnlyList<string> arguments) => Agent.Execute(VsockPerfWords.Place, arguments, Limit);

    /// <summary>What a program in the guest connects to; null: it has ended before.</summary>
    /// <exception cref="PerfException">It neither connects nor ends.</exception>
    public HostConnection? Accept(HostListener listener, Task program)
    {
        Deadline deadline = Deadline.In(Patience);
        Span<PollEntry> entry = [new PollEntry(listener.Fd, PollEvents.Readable)];
        while (true)
        {
            bool isOver = program.IsCompleted;
            if (Poll.Wait(entry, isOver ? 0 : GlanceMs) > 0 && listener.TryAccept() is { } connection)
            {
                return connection;
            }

            if (isOver)
            {
                return null;
            }

            LookBefore(deadline, "no connection came from the program in the guest");
        }
    }

    /// <summary>A connection to a program in the guest, as soon as that listens; null: it has ended before.</summary>
    /// <exception cref="PerfException">It neither listens nor ends.</exception>
    public HostConnection? ConnectOnceItListens(uint guestPort, Task program)
    {
        Deadline deadline = Deadline.In(Patience);
        while (!program.IsCompleted)
        {
            HostConnection connection = Connect(guestPort);
            if (connection.Settle() == HostOutcome.Established)
            {
                return connection;
            }

            connection.Dispose();
            _ = Task.WaitAny([program], GlanceMs);
            LookBefore(deadline, "the program in the guest took no connection");
        }

        return null;
    }

    /// <summary>A connection that the guest made; the guest's descriptor of it.</summary>
    public (int Fd, HostConnection Host) FromGuest()
    {
        uint port = NewPort();
        using HostListener listener = Listen(port);
        int fd = Done(Agent.Socket(SocketType.Stream)).OrThrow("socket");
        SetBuffer(fd);
        Done(Agent.Connect(fd, new VsockAddress(HostCid, port), Limit)).OrThrow("connect");
        return (fd, listener.Accept());
    }

    /// <summary>A connection that the host made; the guest's descriptor of it.</summary>
    public (int Fd, HostConnection Host) FromHost()
    {
        uint port = NewPort();
        int listening = Done(Agent.Socket(SocketType.Stream)).OrThrow("socket");
        SetBuffer(listening);
        Done(Agent.Bind(listening, new VsockAddress(uint.MaxValue, port))).OrThrow("bind");
        Done(Agent.Listen(listening, 1)).OrThrow("listen");
        HostConnection connection = Connect(port);
        _ = connection.ExpectEstablished();
        return (Done(Agent.Accept(listening, Limit)).Result.OrThrow("accept"), connection);
    }

    /// <summary>The host application's end of a connection, for as long as the guest makes a call.</summary>
    public HostStream Stream(HostConnection connection, Task call) => new(connection, call, Look, Patience);

    /// <summary>Looks whether there is reason to wait no longer.</summary>
    /// <exception cref="PerfException">The target has ended.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public void Look()
    {
        bench.Cancellation.ThrowIfCancellationRequested();
        if (bench.Target.HasExited)
        {
            throw new PerfException(TargetEnded);
        }
    }

    public void Dispose() => host.Dispose();

    private void LookBefore(Deadline deadline, string missed)
    {
        Look();
        if (deadline.HasPassed)
        {
            throw new PerfException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{missed} for {Patience.TotalSeconds:0.#} s"));
        }
    }

    private void SetBuffer(int fd)
    {
        byte[] size = BitConverter.GetBytes((ulong)SocketBuffer);
        Done(Agent.SetOption(fd, VsockAddress.Family, SocketBufferMaxSize, size)).OrThrow("setsockopt(SO_VM_SOCKETS_BUFFER_MAX_SIZE)");
        Done(Agent.SetOption(fd, VsockAddress.Family, SocketBufferSize, size)).OrThrow("setsockopt(SO_VM_SOCKETS_BUFFER_SIZE)");
    }
}
