using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;

namespace Vsockspec.Peers;

/// <summary>
/// Stands between the front end of a guest that is not ours, user-mode Linux or a VMM, and the vhost-user back end that is the guest's device, and shows
/// an observer every packet and every ring operation between them. Towards the guest it is a back end that listens on a socket of its own;
/// towards the device it is a front end with the guest's own memory and buffers, so that lengths, ids and chain shapes are what they
/// would be without it. Only the rings themselves are the tap's.
/// </summary>
/// <remarks>
/// One guest at a time; the next is let in when the one before has gone, and gets a connection to the device of its own. When the device
/// closes its connection, so does the tap, and tells why in <see cref="TargetFault"/>. All members may be used from any thread.
/// </remarks>
public sealed class GuestTap : IDisposable
{
    private const int MaxEntries = 2 + 2 + (3 * 3);

    /// <summary>Every so often the tap looks for used chains of which nobody was notified.</summary>
    private const int LookMs = 1000;

    /// <summary>A guest that gave no kick descriptor is looked at every so often.</summary>
    private const int PollIntervalMs = 1;

    private static readonly TimeSpan DefaultPatience = TimeSpan.FromSeconds(5);

    private readonly string targetSocket;
    private readonly ulong guestCid;
    private readonly IDriverObserver observer;
    private readonly TimeSpan patience;
    private readonly UnixListener listener;
    private readonly EventFd wake = new();
    private readonly Lock gate = new();
    private readonly Thread mover;
    private GuestTapSession? session;
    private UnixStream? targetStream;
    private volatile SettleRequest? settling;
    private TransportException? targetFault;
    private long nextLook;
    private volatile bool ended;
    private bool disposed;

    private GuestTap(string targetSocket, string socket, ulong guestCid, IDriverObserver observer, TimeSpan patience)
    {
        this.targetSocket = targetSocket;
        this.guestCid = guestCid;
        this.observer = observer;
        this.patience = patience;
        Socket = socket;
        listener = new UnixListener(socket);
        mover = new Thread(Run) { IsBackground = true, Name = "guest tap" };
    }

    /// <summary>The vhost-user socket for the guest's front end.</summary>
    public string Socket { get; }

    /// <summary>
    /// What the target did that ended the guest's device: it could not be reached, closed the connection, refused something or did not answer. Null
    /// while nothing of that kind happened to the guest that is or was last served.
    /// </summary>
    public TransportException? TargetFault
    {
        get
        {
            lock (gate)
            {
                return targetFault;
            }
        }
    }

    /// <summary>A fault of the tap's own, or of the machine, that ended it; null while it works.</summary>
    public Exception? Fault { get; private set; }

    /// <summary>Starts a tap; guests can connect when this returns. The target is connected to when one does.</summary>
    /// <param name="targetSocket">The vhost-user socket of the device.</param>
    /// <param name="socket">Where to listen; the file is removed on dispose.</param>
    /// <param name="guestCid">The CID to serve when the device has no configuration space of its own.</param>
    /// <param name="patience">How long each answer of the target may take; default: five seconds.</param>
    /// <exception cref="ErrnoException">The socket cannot be bound.</exception>
    /// <exception cref="ArgumentException">The path does not fit into a socket address.</exception>
    public static GuestTap Start(string targetSocket, string socket, ulong guestCid, IDriverObserver observer, TimeSpan? patience = null)
    {
        GuestTap tap = new(targetSocket, socket, guestCid, observer, patience ?? DefaultPatience);
        tap.mover.Start();
        return tap;
    }

    /// <summary>
    /// Waits until all that either side was notified of has been passed on and the target has returned every tx chain: the end-of-case look. The
    /// target is asked on its control connection too, so that it has had the occasion to answer what came last. True at once when no
    /// guest is there.
    /// </summary>
    /// <returns>False when that did not come about in time.</returns>
    public bool Settle(TimeSpan patience)
    {
        SettleRequest request = new();
        lock (gate)
        {
            if (ended || Fault is not null)
            {
                return false;
            }

            settling = request;
        }

        _ = wake.Signal();
        bool settled = request.Done.Wait(patience) && request.IsQuiet;
        lock (gate)
        {
            if (settling == request)
            {
                settling = null;
            }
        }

        return settled;
    }

    /// <summary>Closes both connections and stops listening. Does not wait for the target.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (disposed)
            {
                return;
            }

            disposed = true;
            ended = true;

            // The tap may be waiting for an answer of the target.
            targetStream?.Shutdown();
        }

        _ = wake.Signal();
        mover.Join();
        wake.Dispose();
    }

    private void Run()
    {
        try
        {
            PollEntry[] entries = new PollEntry[MaxEntries];
            while (!ended)
            {
                Turn(entries);
            }
        }
        catch (Exception e) when (e is ErrnoException or GuestMemoryException or RingSetupException or NotSupportedException or InvalidOperationException or ArgumentException)
        {
            Fault = e;
        }
        finally
        {
            End();
            listener.Dispose();
            Answer(quiet: false);
        }
    }

    private void Turn(PollEntry[] entries)
    {
        bool more = session?.Move() ?? false;
        int count = 0;
        entries[count++] = new PollEntry(wake.Fd, PollEvents.Readable);
        int first = count;
        if (session is null)
        {
            entries[count++] = new PollEntry(listener.Fd, PollEvents.Readable);
        }
        else
        {
            count += session.Watch(entries.AsSpan(first));
        }

        bool asked = settling is not null;
        int timeout = more || asked ? 0 : session is null ? -1 : session.IsPolled ? PollIntervalMs : LookMs;
        int ready = Poll.Wait(entries.AsSpan(0, count), timeout);
        if (ready > 0)
        {
            _ = wake.Drain();
            if (session is null)
            {
                LetIn();
            }
            else
            {
                session.Serve(entries.AsSpan(first, count - first));
            }
        }
        else if (session is { IsPolled: true })
        {
            session.Serve(entries.AsSpan(first, count - first));
        }

        if (asked && !more && ready == 0)
        {
            SettleOnce(entries.AsSpan(0, count));
        }

        Look();
        if (session is { IsOver: true })
        {
            End();
        }
    }

    /// <summary>Nothing is to be moved: that is quiet when it holds after the target was asked, too.</summary>
    private void SettleOnce(Span<PollEntry> entries)
    {
        SettleRequest? request = settling;
        if (session is null || request is null)
        {
            Answer(quiet: session is null);
            return;
        }

        if (session.IsQuiet && request.IsAsked)
        {
            Answer(quiet: true);
        }
        else if (session.IsQuiet)
        {
            request.IsAsked = true;
            session.Settle();
        }
        else
        {
            // Something is still with the target: what it does next, or the time for a look, ends the wait.
            request.IsAsked = false;
            _ = Poll.Wait(entries, LookMs);
        }
    }

    private void Answer(bool quiet)
    {
        SettleRequest? request;
        lock (gate)
        {
            request = settling;
            settling = null;
        }

        if (request is not null)
        {
            request.IsQuiet = quiet;
            request.Done.Set();
        }
    }

    private void Look()
    {
        if (session is not null && Environment.TickCount64 >= nextLook)
        {
            session.LookForUnnotified();
            nextLook = Environment.TickCount64 + LookMs;
        }
    }

    private void LetIn()
    {
        if (listener.TryAccept() is not { } guest)
        {
            return;
        }

        UnixStream? stream = null;
        try
        {
            stream = UnixStream.Connect(targetSocket, patience);
            lock (gate)
            {
                targetStream = stream;
                targetFault = null;
            }

            if (ended)
            {
                stream.Shutdown();
            }

            session = new GuestTapSession(guest, stream, guestCid, observer, patience);
            nextLook = Environment.TickCount64 + LookMs;
        }
        catch (TransportException e)
        {
            Forget(e);
            stream!.Dispose();
            guest.Dispose();
        }
        catch (ErrnoException e) when (stream is null)
        {
            guest.Dispose();
            Forget(new TransportException(TransportFault.Unreachable, $"cannot connect to the vhost-user socket {targetSocket}: {e.Message}", e));
        }
    }

    private void End()
    {
        if (session is { } over)
        {
            session = null;
            Forget(over.TargetFault);
            over.Dispose();
        }
    }

    private void Forget(TransportException? fault)
    {
        lock (gate)
        {
            targetStream = null;
            targetFault = fault ?? targetFault;
        }
    }

    private sealed class SettleRequest
    {
        public ManualResetEventSlim Done { get; } = new();

        public bool IsQuiet { get; set; }

        /// <summary>The target was asked since the rings were last seen busy.</summary>
        public bool IsAsked { get; set; }
    }
}
