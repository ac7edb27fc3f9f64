using Vsockspec.Guests;
using Vsockspec.Peers;

namespace Vsockspec.Cases;

/// <summary>A guest that boots while another one still serves its cases. It is taken once or ended.</summary>
internal sealed class GuestAhead : IDisposable
{
    private readonly CancellationTokenSource stop;
    private readonly Task<DrivenGuest> boot;
    private bool isTaken;

    private GuestAhead(DeviceSetup setup, IGuestSource source, TimeSpan patience, CancellationToken cancellation)
    {
        Setup = setup;
        stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        CancellationToken token = stop.Token;
        boot = Task.Factory.StartNew(() => DrivenGuest.Boot(setup, source, patience, token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>The device that it finds.</summary>
    public DeviceSetup Setup { get; }

    /// <summary>It has booted, or will not.</summary>
    public bool IsOver => boot.IsCompleted;

    /// <summary>Returns at once.</summary>
    /// <param name="patience">As of <see cref="DrivenGuest.Boot"/>.</param>
    public static GuestAhead Begin(DeviceSetup setup, IGuestSource source, TimeSpan patience, CancellationToken cancellation) =>
        new(setup, source, patience, cancellation);

    /// <summary>The guest, which becomes the caller's; null when it ended before anybody asked for it.</summary>
    /// <exception cref="GuestException">It did not boot; so too every other that <see cref="DrivenGuest.Boot"/> ends with.</exception>
    public DrivenGuest? Take()
    {
        DrivenGuest guest = boot.GetAwaiter().GetResult();
        if (!guest.IsUsable)
        {
            return null;
        }

        isTaken = true;
        return guest;
    }

    public void Dispose()
    {
        if (!isTaken)
        {
            stop.Cancel();
            _ = Task.WaitAny(boot);
            if (boot.IsCompletedSuccessfully)
            {
                boot.Result.Dispose();
            }

            // Nobody asks any more why it did not boot.
            _ = boot.Exception;
        }

        stop.Dispose();
    }
}
