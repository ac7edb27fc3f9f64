using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>Where a socket stands.</summary>
internal enum SocketState
{
    /// <summary>Neither listening nor connected; may become either.</summary>
    Idle,
    Listening,

    /// <summary>REQUEST is out.</summary>
    Connecting,
    Connected,

    /// <summary>Was connected.</summary>
    Over,
}

/// <summary>
/// The state of one vsock socket. What happens to it is the business of <see cref="SocketLifecycle"/>, <see cref="SocketData"/> and
/// <see cref="InboundPackets"/>.
/// </summary>
internal sealed class VsockSocket(SocketType type, WakeList wakeups, Action<VsockSocket> expired) : Description(wakeups), IExpiring
{
    private const PollEvents ReadNormal = (PollEvents)0x40;
    private const PollEvents WriteNormal = (PollEvents)0x100;

    public SocketType Type => type;

    public SocketState State { get; set; }

    /// <summary>Null: not bound.</summary>
    public uint? LocalPort { get; set; }

    /// <summary>Bound to the guest's own CID rather than to any.</summary>
    public bool IsBoundToCid { get; set; }

    public uint HostPort { get; set; }

    public DriverFlowKey Key => new(LocalPort ?? 0, HostPort, type);

    /// <summary>errno of what went wrong since the last look; 0 when nothing did.</summary>
    public int Error { get; set; }

    public SocketOptions Options { get; } = new();

    public SendWindow Peer { get; } = new();

    public OwnWindow Own { get; set; } = new(0);

    public ReceiveBuffer Received { get; set; } = new(type);

    public UnsentMessage Unsent { get; } = new();

    /// <summary>What the application said with shutdown(2) or close(2).</summary>
    public ShutdownFlags OwnShutdown { get; set; }

    /// <summary>What the host said with SHUTDOWN.</summary>
    public ShutdownFlags PeerShutdown { get; set; }

    /// <summary>The SHUTDOWN packet for <see cref="OwnShutdown"/> waits for the rest of a message.</summary>
    public bool IsShutdownDue { get; set; }

    /// <summary>A CREDIT_UPDATE is parked already; its values are those of the time when it is sent.</summary>
    public bool IsUpdateParked { get; set; }

    /// <summary>No descriptor stands for it any more.</summary>
    public bool IsClosed { get; set; }

    /// <summary>Connections that nobody has accepted yet; only of a listener.</summary>
    public Queue<VsockSocket> Backlog { get; } = new();

    public int BacklogLimit { get; set; }

    /// <summary>There is data that the application can still ask for.</summary>
    public bool HasUnread => Received.HasData && !IsClosed && !OwnShutdown.HasFlag(ShutdownFlags.Receive);

    /// <summary>Nothing more will come: the host said so, or the flow is over, or the application does not want it.</summary>
    public bool IsAtEnd => State == SocketState.Over || ((PeerShutdown & ShutdownFlags.Send) | (OwnShutdown & ShutdownFlags.Receive)) != 0;

    /// <summary>As vsock_poll of Linux says it.</summary>
    public override PollEvents Readiness
    {
        get
        {
            PollEvents events = Error != 0 ? PollEvents.Error : PollEvents.None;
            bool isReadable = State == SocketState.Listening ? Backlog.Count > 0 : Received.HasData && Received.Ready >= LowWater;
            if (IsAtEnd)
            {
                events |= PollEvents.PeerClosed;
                isReadable = true;
            }

            if (OwnShutdown == ShutdownFlags.Both || (OwnShutdown.HasFlag(ShutdownFlags.Send) && IsAtEnd))
            {
                events |= PollEvents.HangUp;
            }

            bool isWritable = !OwnShutdown.HasFlag(ShutdownFlags.Send) && State switch
            {
                SocketState.Connected => HasSpace,
                SocketState.Idle or SocketState.Over => true,
                _ => false,
            };
            return events
                | (isReadable ? PollEvents.Readable | ReadNormal : PollEvents.None)
                | (isWritable ? PollEvents.Writable | WriteNormal : PollEvents.None);
        }
    }

    /// <summary>The host has room; set by <see cref="SocketData"/>, which knows the rules.</summary>
    public bool HasSpace { get; set; }

    private int LowWater => type == SocketType.Stream ? Options.LowWater : 0;

    public void Expire() => expired(this);

    /// <summary>The error, which is then forgotten.</summary>
    public int TakeError()
    {
        int error = Error;
        Error = 0;
        return error;
    }
}
