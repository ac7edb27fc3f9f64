using Microsoft.Win32.SafeHandles;
using Vsockspec.Interop;
using Vsockspec.Rings;
using Vsockspec.Transports;

namespace Vsockspec.Reference;

/// <summary>Lets in one front end at a time and serves its messages.</summary>
internal sealed class FrontDoor : IWatcher, IExpiring, IDisposable
{
    private const int NotWatched = -1;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(100);

    private readonly DeviceParts parts;
    private readonly ReferenceBackEnd backEnd;
    private readonly EventLoop loop;
    private readonly Timers timers;
    private readonly Action<string>? log;
    private readonly UnixListener? listener;
    private readonly SessionWatcher sessionWatcher;
    private VhostUserBackEnd? session;
    private int sessionWatch = NotWatched;

    /// <exception cref="ErrnoException">The socket path is taken or cannot be used.</exception>
    public FrontDoor(ReferenceOptions options, DeviceParts parts, ReferenceBackEnd backEnd, EventLoop loop, Timers timers, Action<string>? log)
    {
        this.parts = parts;
        this.backEnd = backEnd;
        this.loop = loop;
        this.timers = timers;
        this.log = log;
        sessionWatcher = new SessionWatcher(this);
        if (options.Fd is { } fd)
        {
            SafeFileHandle handle = new(fd, ownsHandle: true);
            if (UnixListener.IsListening(handle))
            {
                listener = new UnixListener(handle);
            }
            else
            {
                Begin(new UnixStream(handle));
            }
        }
        else
        {
            listener = new UnixListener(options.Socket!);
        }

        if (listener is not null)
        {
            loop.Watch(listener.Fd, EpollEvents.Readable | EpollEvents.EdgeTriggered, this);
        }
    }

    /// <summary>The only front end there can be has gone.</summary>
    public bool IsDone => listener is null && session is null;

    public void Ready(EpollEvents events) => LetIn();

    public void Expire() => LetIn();

    public void Dispose()
    {
        timers.Cancel(this);
        End();
        listener?.Dispose();
    }

    private void LetIn()
    {
        try
        {
            if (session is null && listener?.TryAccept() is { } stream)
            {
                Begin(stream);
            }
        }
        catch (ErrnoException e)
        {
            // Out of descriptors or memory: the front end waits in the backlog, and no edge will tell of it again.
            log?.Invoke($"a front end has to wait: {e.Message}");
            timers.Set(this, RetryAfter);
        }
    }

    private void Begin(UnixStream stream)
    {
        session = new VhostUserBackEnd(stream, backEnd, (memory, setup, start) => DeviceRings.Create(memory, parts.Layout(setup), start), parts.Session, log);
        backEnd.Session = session;
        sessionWatch = loop.Watch(session.WatchFd, EpollEvents.Readable, sessionWatcher);
    }

    private void Serve()
    {
        session!.ProcessMessages();
        if (session.IsClosed)
        {
            End();
            LetIn();
        }
    }

    private void End()
    {
        if (session is not null)
        {
            loop.Forget(sessionWatch);
            backEnd.Session = null;
            session.Dispose();
            session = null;
        }
    }

    private sealed class SessionWatcher(FrontDoor door) : IWatcher
    {
        public void Ready(EpollEvents events) => door.Serve();
    }
}
