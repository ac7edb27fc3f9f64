using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance;

/// <summary>A socket of an application in the guest, in the case's timeline.</summary>
/// <param name="on">Null: the guest that serves the case.</param>
internal sealed partial class GuestSocket(IGuestScript c, int fd, AgentClient? on = null)
{
    public int Fd => fd;

    private AgentClient Agent => on ?? c.Agent;

    /// <summary>
    /// How often the patience for one answer a call may take that waits for the device or the host: the device has deadlines of its own, and a guest that no longer
    /// answers is noticed by its agent's silence. A guest under translated KVM may stand still for longer than any connect's own deadline, and goes on.
    /// </summary>
    private static readonly int Patiences = KvmProof.IsTranslated ? 24 : 4;

    private CallLimit Limit => new(Patiences * c.Timeline.Patience);

    public static GuestSocket Create(IGuestScript c, SocketType type = SocketType.Stream, bool nonBlocking = false) =>
        new(c, c.Await(c.Agent.Socket(type, nonBlocking)).OrThrow("socket"));

    /// <summary>A stream socket in the second guest.</summary>
    public static GuestSocket Create(IGuestScript c, GuestSide side) => new(c, c.Await(side.Agent.Socket(SocketType.Stream)).OrThrow("socket"), side.Agent);

    /// <summary>An established connection that the guest opened, with both ends.</summary>
    public static (GuestSocket Guest, HostConnection Host) Open(CaseContext c, SocketType type = SocketType.Stream)
    {
        HostListener listener = c.Listen(type);
        GuestSocket socket = Create(c, type);
        socket.Connect(listener.Port).OrThrow("connect");
        return (socket, listener.Accept());
    }

    /// <summary>An established connection that the host opened, with both ends.</summary>
    public static (GuestSocket Guest, HostConnection Host) OpenFromHost(CaseContext c, SocketType type = SocketType.Stream)
    {
        GuestSocket listener = Create(c, type);
        uint port = listener.Listen();
        HostConnection host = c.Host.Connect(port, type);
        GuestSocket accepted = listener.Accept();
        _ = host.ExpectEstablished();
        return (accepted, host);
    }

    /// <summary>Binds to a port that the guest's kernel chooses, and listens.</summary>
    public uint Listen(int backlog = 128)
    {
        Bind((uint)Cid.Any32).OrThrow("bind");
        c.Await(Agent.Listen(fd, backlog)).OrThrow("listen");
        return Name().Port;
    }

    /// <summary>Binds to a port and listens.</summary>
    public void ListenOn(uint port)
    {
        Bind(port).OrThrow("bind");
        c.Await(Agent.Listen(fd, 128)).OrThrow("listen");
    }

    public GuestResult Bind(uint port, ulong cid = Cid.Any32) => c.Await(Agent.Bind(fd, new VsockAddress((uint)cid, port)));

    public GuestSocket Accept() => new(c, c.Await(Agent.Accept(fd, Limit)).Result.OrThrow("accept"), on);

    public GuestResult Connect(uint hostPort) => Connect(Cid.Host, hostPort);

    public GuestResult Connect(ulong cid, uint port) => c.Await(BeginConnect(cid, port));

    /// <summary>A connect(2) that goes on while the case does; cancelled, it ends with EINTR.</summary>
    public Task<GuestResult> BeginConnect(ulong cid, uint port, CancellationToken cancellation = default) =>
        Agent.Connect(fd, new VsockAddress((uint)cid, port), Limit with { Cancellation = cancellation });

    public VsockAddress Name() => c.Await(Agent.SocketName(fd)).Vsock;

    public VsockAddress Peer() => c.Await(Agent.PeerName(fd)).Vsock;

    public GuestResult Shutdown(System.Net.Sockets.SocketShutdown how) => c.Await(Agent.Shutdown(fd, how));

    public GuestResult Close() => c.Await(Agent.Close(fd, Limit));

    /// <summary>Waits until poll(2) in the guest tells one of these, for as long as the case has patience; nothing when none came.</summary>
    public PollEvents Poll(PollEvents interest) => Poll(interest, (int)c.Timeline.Patience.TotalMilliseconds);

    /// <summary>What poll(2) in the guest tells now.</summary>
    public PollEvents Look(PollEvents interest) => Poll(interest, 0);

    private PollEvents Poll(PollEvents interest, int timeoutMs) => c.Await(Agent.Poll([(fd, interest)], timeoutMs, Limit)).Ready[0];
}
