using Vsockspec.Guests;

namespace Vsockspec.Cases;

/// <summary>
/// Sockets that an earlier case left and the guest's kernel gives back by itself, later. Linux holds a socket whose connect did not wait until the connect would have timed out, 2 s
/// later (net/vmw_vsock/af_vsock.c, vsock_connect). The cases that follow need not wait for that: for a while, they are measured with the debt.
/// </summary>
/// <param name="Sockets">So many.</param>
/// <param name="Until">A time of <see cref="System.Diagnostics.Stopwatch"/>, when they have to be given back.</param>
internal sealed record GuestDebt(int Sockets, TimeSpan Until)
{
    /// <summary>What may be left after a case whose guest owed nothing before; null when it is nothing, or not only sockets.</summary>
    /// <param name="patience">How long the kernel may take.</param>
    public static GuestDebt? Of(GuestState now, GuestState fresh, TimeSpan time, TimeSpan patience) =>
        now.Sockets > fresh.Sockets && IsFreshButForSockets(now, fresh) ? new GuestDebt(now.Sockets - fresh.Sockets, time + patience) : null;

    /// <summary>Nothing but the debt is left, and it is not yet due.</summary>
    public bool Explains(GuestState now, GuestState fresh, TimeSpan time) =>
        time < Until && now.Sockets - fresh.Sockets <= Sockets && IsFreshButForSockets(now, fresh);

    private static bool IsFreshButForSockets(GuestState now, GuestState fresh) => (now with { Sockets = fresh.Sockets }).LeftSince(fresh) is null;
}
