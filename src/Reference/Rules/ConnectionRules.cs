using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>How flows begin and end (virtio 1.4 section 5.10.6.5).</summary>
public class ConnectionRules
{
    /// <summary>Whether one more flow is taken.</summary>
    internal virtual bool HasRoom(int flows, int limit) => flows < limit;

    /// <summary>Whether a flow with these addresses may begin now. Every one may: the one before it is gone for good.</summary>
    internal virtual bool Accepts(FlowKey key) => true;

    /// <summary>A REQUEST that cannot be granted is answered with RST.</summary>
    /// <param name="full">There is no room, rather than nobody who listens.</param>
    internal virtual bool AnswersRefusedRequest(bool full) => true;

    /// <summary>Whether a host application learns that it is connected before the guest has answered. It does not: the guest may refuse.</summary>
    internal virtual bool ConfirmsUnanswered => false;

    /// <summary>A reset of the device, or the end of its front end, ends all flows.</summary>
    internal virtual bool EndsWithReset => true;

    /// <summary>Shutdown hints are permanent once sent.</summary>
    internal virtual ShutdownFlags Remember(ShutdownFlags known, ShutdownFlags hint) => known | hint;

    /// <summary>What of the guest's hints reaches the host application as a half-close.</summary>
    internal virtual ShutdownFlags HalfCloses(ShutdownFlags guest) => guest;

    /// <summary>A guest that neither sends nor receives any more gets RST, once its data is with the host socket.</summary>
    internal virtual bool AnswersShutdown(bool drained) => drained;

    /// <summary>What the guest is told when the host application ends: it closed, or it only stopped sending.</summary>
    internal virtual ShutdownFlags HostEnds(bool closed) => closed ? ShutdownFlags.Both : ShutdownFlags.Send;

    /// <summary>A guest that does not answer in time gets RST.</summary>
    internal virtual bool ResetsAfterTimeout => true;

    /// <summary>A guest whose data the host application does not take any more is told so, whatever else becomes of the flow.</summary>
    internal virtual bool TellsOfRefusal => true;

    /// <summary>A flow whose data was lost is reset.</summary>
    internal virtual bool ResetsAfterLoss => true;

    /// <summary>An RST from the guest ends the flow.</summary>
    internal virtual bool HonoursReset => true;
}
