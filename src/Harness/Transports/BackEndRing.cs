using Vsockspec.Interop;

namespace Vsockspec.Transports;

/// <summary>What a front end has said about one ring. It runs when that amounts to a ring that is set up and started.</summary>
internal sealed class BackEndRing(int index)
{
    public int Index { get; } = index;

    /// <summary>Zero until SET_VRING_NUM.</summary>
    public uint Size { get; set; }

    /// <summary>Null until SET_VRING_ADDR.</summary>
    public VringAddress? Address { get; set; }

    /// <summary>Where processing begins; after a stop, where it goes on.</summary>
    public uint Base { get; set; }

    public bool Enabled { get; set; }

    public EventFd? Kick { get; set; }

    public EventFd? Call { get; set; }

    public EventFd? Error { get; set; }

    /// <summary>SET_VRING_KICK came without a descriptor.</summary>
    public bool Polled { get; set; }

    /// <summary>A kick was seen since the ring was last stopped.</summary>
    public bool Kicked { get; set; }

    /// <summary>A kick was seen while DRIVER_OK was missing, and messages that came before it may not have been looked at.</summary>
    public bool KickedEarly { get; set; }

    /// <summary>The kick descriptor is in the session's epoll set.</summary>
    public bool Watched { get; set; }

    /// <summary>The queue while it is being processed.</summary>
    public BackEndQueue? Running { get; set; }

    /// <summary>
    /// Started in the sense of the chapter "Ring states". The document starts a ring on its first kick; back ends in the field start it with
    /// SET_VRING_KICK, and front ends rely on that after a restart. An enabled ring therefore starts with its kick descriptor. A
    /// disabled one waits for a kick, because starting it would discard what the driver has already posted.
    /// </summary>
    public bool IsStarted => Kicked || Polled || (Kick is not null && Enabled);

    /// <summary>
    /// Forgets the start. The kick descriptor goes too: a kick that was still in it would start the ring again. Front ends send a new one.
    /// </summary>
    public void Stop()
    {
        Kick?.Dispose();
        Kick = null;
        Polled = false;
        Kicked = false;
    }

    public void Reset(bool enabled)
    {
        Stop();
        Call?.Dispose();
        Error?.Dispose();
        Call = Error = null;
        Size = 0;
        Address = null;
        Base = 0;
        Enabled = enabled;
    }
}
