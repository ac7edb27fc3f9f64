using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>The vsock device of a guest.</summary>
public abstract record GuestVsock
{
    private GuestVsock()
    {
    }

    /// <summary>The device that a running target gives to a guest.</summary>
    /// <exception cref="GuestException">No guest boots on a target of this transport.</exception>
    public static GuestVsock Of(ITargetInstance target) => target switch
    {
        IVhostUserInstance back => new VhostUser(back.Socket),
        IVhostKernelInstance kernel => new Kernel(kernel.GuestCid),
        _ => throw new GuestException("no guest boots on a target of this transport"),
    };

    /// <summary>A vhost-user back end in a process of its own.</summary>
    /// <param name="Socket">Path of its vhost-user socket, which listens.</param>
    public sealed record VhostUser(string Socket) : GuestVsock;

    /// <summary>This machine's kernel, through /dev/vhost-vsock.</summary>
    /// <param name="Cid">Of the guest; nobody else on this machine uses it for as long as the guest lives.</param>
    public sealed record Kernel(ulong Cid) : GuestVsock;
}
