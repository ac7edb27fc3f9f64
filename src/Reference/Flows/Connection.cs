using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>Where a flow is in its life.</summary>
internal enum FlowPhase
{
    /// <summary>A host application asked for it; the guest has not answered.</summary>
    Connecting,

    Established,

    /// <summary>The host application is gone and the guest is told so; its RST is awaited.</summary>
    Closing,

    /// <summary>Nothing is left but to tell the guest with RST.</summary>
    Dead,
}

/// <summary>Control packets that a flow owes to the guest: at most one of each, so that owing takes no memory.</summary>
[Flags]
internal enum Owed
{
    None = 0,
    Request = 1,
    Response = 2,

    /// <summary>The answer to a CREDIT_REQUEST.</summary>
    CreditUpdate = 4,
    CreditRequest = 8,
    Shutdown = 16,
    Reset = 32,

    /// <summary>News of the window that the guest needs before it stalls; any packet of the flow brings it.</summary>
    WindowUpdate = 64,
}

/// <summary>One flow: what is known of its two ends. What follows from it is decided in <see cref="Flows"/>.</summary>
internal sealed class Connection(Flows flows, FlowKey key, FlowPhase phase, uint bufAlloc) : IWatcher, IExpiring
{
    /// <summary>Changed in place, therefore a field.</summary>
    public PeerCredit Peer;

    /// <summary>Changed in place, therefore a field.</summary>
    public ReceiveWindow Window = new(bufAlloc);

    public FlowKey Key => key;

    public FlowPhase Phase { get; set; } = phase;

    public Owed Owed { get; set; }

    /// <summary>Null when there is no host socket any more.</summary>
    public HostEnd? Host { get; set; }

    /// <summary>Handle of the host socket in the event loop.</summary>
    public int Watch { get; set; }

    /// <summary>The event loop reports room in the host socket.</summary>
    public bool WatchesRoom { get; set; }

    /// <summary>The host socket has, or may have, something to read.</summary>
    public bool HostReadable { get; set; }

    /// <summary>The host socket said that its peer shut something down; there may be data before the end.</summary>
    public bool HostShut { get; set; }

    /// <summary>The host application takes no more data, and data of the guest was lost by it.</summary>
    public bool HostRefused { get; set; }

    /// <summary>The host application sends no more and everything it sent is with the guest.</summary>
    public bool HostEnded { get; set; }

    /// <summary>What the guest said it will not do any more; what it said once stays said.</summary>
    public ShutdownFlags GuestShutdown { get; set; }

    /// <summary>What we tell, or told, the guest.</summary>
    public ShutdownFlags OurShutdown { get; set; }

    /// <summary>The guest was asked for credit and has not said anything new since.</summary>
    public bool AskedForCredit { get; set; }

    /// <summary>There is data for the guest and no credit for it.</summary>
    public bool IsStalled { get; set; }

    /// <summary>Place in the <see cref="Outbox"/>.</summary>
    public Connection? NextInOutbox { get; set; }

    public bool IsInOutbox { get; set; }

    public bool GuestReceives => (GuestShutdown & ShutdownFlags.Receive) == 0;

    public bool GuestSends => (GuestShutdown & ShutdownFlags.Send) == 0;

    /// <summary>Something may have to be sent to the guest; a cheap first look.</summary>
    public bool MaySend => Owed != Owed.None || HasDataToTry;

    /// <summary>There is, or may be, data for the guest.</summary>
    public bool HasDataToTry => HostReadable || (!IsStalled && Host is { HasUnsent: true });

    public void Ready(EpollEvents events) => flows.HostReady(this, events);

    public void Expire() => flows.Expired(this);
}
