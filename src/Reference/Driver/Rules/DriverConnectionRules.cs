using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>How flows begin and end (virtio 1.4 section 5.10.6.5).</summary>
public class DriverConnectionRules
{
    /// <summary>Whether a listener takes one more connection that nobody has accepted yet.</summary>
    internal virtual bool HasRoom(int waiting, int backlog) => waiting < backlog;

    /// <summary>A REQUEST that cannot be granted is answered with RST.</summary>
    /// <param name="full">The backlog is full, rather than nobody listening.</param>
    internal virtual bool AnswersRefusedRequest(bool full) => true;

    /// <summary>A REQUEST that is granted is answered with RESPONSE.</summary>
    internal virtual bool Responds => true;

    /// <summary>The buffer of a new connection is empty, whatever happened on the same ports before.</summary>
    internal virtual ReceiveBuffer BufferOf(DriverFlowKey key) => new(key.Type);

    /// <summary>Shutdown hints are permanent once sent.</summary>
    internal virtual ShutdownFlags Remember(ShutdownFlags known, ShutdownFlags hint) => known | hint;

    /// <summary>The hints of a SHUTDOWN packet as the host sends them: masks, where the specification names bit numbers.</summary>
    internal virtual ShutdownFlags Hint(uint flags) => (ShutdownFlags)flags & ShutdownFlags.Both;

    /// <summary>The hints of our own SHUTDOWN, all that were given so far.</summary>
    internal virtual uint FlagsOf(ShutdownFlags own) => (uint)own;

    /// <summary>Whether an application may send: neither end has said that this direction is over.</summary>
    internal virtual bool MaySend(ShutdownFlags own, ShutdownFlags peer) =>
        !own.HasFlag(ShutdownFlags.Send) && !peer.HasFlag(ShutdownFlags.Receive);

    /// <summary>When both directions are over for the host, RST answers it, once the data that it sent before has been read.</summary>
    internal virtual bool AnswersShutdown(bool hasUnread) => !hasUnread;

    /// <summary>A flow whose SHUTDOWN is not answered is reset after a time.</summary>
    internal virtual bool ResetsUnanswered => true;

    /// <summary>An RST from the host ends the flow.</summary>
    internal virtual bool HonoursReset(bool isConnecting) => true;

    /// <summary>A connect whose time is over has failed, whatever the host answers later.</summary>
    internal virtual bool TimeoutEndsConnect => true;

    /// <summary>A flow that is over leaves its ends to the next one at once, also while the application still holds the old socket.</summary>
    internal virtual bool FreesEnds(bool isHeld) => true;

    /// <summary>Whether the host hears of the close of a socket whose flow was over before: it belongs to nothing any more.</summary>
    internal virtual bool TellsLateClose => false;
}
