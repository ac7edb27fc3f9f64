using Vsockspec.Interop;

namespace Vsockspec.Reference;

/// <summary>
/// A running reference device: one thread that serves one vhost-user front end after the other. A second front end waits until the first
/// has gone. Disposing ends it, closes everything and removes its socket files.
/// </summary>
public sealed class ReferenceDevice : IDisposable
{
    /// <summary>How often polled queues are looked at before the kernel is asked what else there is, which is a system call each time.</summary>
    private const int LooksBetweenWaits = 8;

    private readonly EventLoop loop = new();
    private readonly Timers timers = new();
    private readonly EventFd stop = new();
    private readonly ReferenceBackEnd backEnd;
    private readonly FrontDoor door;
    private readonly Thread thread;
    private volatile bool stopping;
    private long allocatedBytes;
    private uint looks;
    private bool disposed;

    private ReferenceDevice(ReferenceOptions options, DeviceParts parts, Action<string>? log)
    {
        try
        {
            backEnd = new ReferenceBackEnd(options, parts, loop, timers);
            try
            {
                door = new FrontDoor(options, parts, backEnd, loop, timers, log);
            }
            catch
            {
                backEnd.Dispose();
                throw;
            }
        }
        catch
        {
            stop.Dispose();
            loop.Dispose();
            throw;
        }

        loop.Watch(stop.Fd, EpollEvents.Readable, new Sleeper());
        thread = new Thread(() => Run(Slowdown.Of(options.SlowBy))) { Name = "reference device", IsBackground = true };
    }

    /// <summary>Set when the device ended because of a fault of its own; its front end sees a closed connection.</summary>
    public Exception? Fault { get; private set; }

    /// <summary>Bytes that the device's thread has allocated so far, as of its last turn.</summary>
    internal long AllocatedBytes => Volatile.Read(ref allocatedBytes);

    /// <summary>Brings the device up; its sockets accept connections when this returns.</summary>
    /// <param name="parts">What it decides; null: as the specification says.</param>
    /// <param name="log">Hears, one line each, what a front end did wrong; called on the device's thread.</param>
    /// <exception cref="ArgumentException">The options do not fit together: see <see cref="ReferenceOptions.Validate"/>.</exception>
    /// <exception cref="ErrnoException">A socket path is taken or cannot be used.</exception>
    public static ReferenceDevice Start(ReferenceOptions options, DeviceParts? parts = null, Action<string>? log = null)
    {
        if (options.Validate() is { } defect)
        {
            throw new ArgumentException(defect, nameof(options));
        }

        ReferenceDevice device = new(options, parts ?? new DeviceParts(), log);
        device.thread.Start();
        return device;
    }

    /// <summary>Waits until the device has ended: by <see cref="Stop"/>, by a fault, or because its only front end has gone.</summary>
    public void Wait() => thread.Join();

    /// <summary>Asks the device to end; from any thread.</summary>
    public void Stop()
    {
        stopping = true;
        stop.Signal();
    }

    public void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            Stop();
            thread.Join();
            stop.Dispose();
        }
    }

    private void Run(Slowdown? slowdown)
    {
        try
        {
            while (!stopping && !door.IsDone)
            {
                bool more = backEnd.Process();
                int wait = more ? 0 : Shorter(timers.NextTimeout, backEnd.PollTimeout);
                bool looksOnly = !more && wait == 0 && ++looks % LooksBetweenWaits != 0;
                if (!looksOnly)
                {
                    if (wait != 0)
                    {
                        slowdown?.Pause();
                    }

                    loop.Wait(wait);
                    slowdown?.Pay();
                }

                timers.Run();
                Volatile.Write(ref allocatedBytes, GC.GetAllocatedBytesForCurrentThread());
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The thread has nobody above it: whoever waits for the device asks for the fault.
            Fault = e;
        }
        finally
        {
            door.Dispose();
            backEnd.Dispose();
            loop.Dispose();
        }
    }

    private static int Shorter(int a, int b) => a < 0 ? b : b < 0 ? a : Math.Min(a, b);

    private sealed class Sleeper : IWatcher
    {
        public void Ready(EpollEvents events)
        {
            // Being awake is all that is wanted.
        }
    }
}
