using Vsockspec.Interop;
using Vsockspec.Transports;

namespace Vsockspec.Reference.Driver;

/// <summary>
/// A running reference driver: the virtio-vsock driver of a guest that has nothing else, on a thread of its own. Its device is whoever serves the
/// vhost-user socket; its applications are driven through the agent protocol, as those of any guest.
/// </summary>
public sealed class ReferenceDriver : IDisposable
{
    private readonly EventLoop loop = new();
    private readonly EventFd stop = new();
    private readonly TaskCompletionSource completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread thread;
    private volatile bool stopping;
    private bool disposed;

    private ReferenceDriver(string deviceSocket, UnixStream agentLine, DriverParts parts, DriverOptions options, Action<string>? log)
    {
        loop.Watch(stop.Fd, EpollEvents.Readable, new Sleeper());
        thread = new Thread(() => Run(deviceSocket, agentLine, parts, options, log)) { Name = "reference driver", IsBackground = true };
    }

    /// <summary>The driver has ended: the client hung up or powered it off, it was stopped, or it has a <see cref="Fault"/>.</summary>
    public bool HasExited => completion.Task.IsCompleted;

    /// <summary>
    /// Why it ended if it was not asked to: nobody serves the socket or not as vhost-user says, or a fault of its own. Null while it runs and when it
    /// ended in order. A device that it does not drive is no reason to end: its guest lives without one.
    /// </summary>
    public string? Fault { get; private set; }

    /// <summary>Completes, always with success, when the driver has ended.</summary>
    public Task Completion => completion.Task;

    /// <summary>Starts the driver; it says hello on the agent's line once its device runs, or is given up.</summary>
    /// <param name="deviceSocket">The vhost-user socket, on which somebody listens; exactly one connection is made.</param>
    /// <param name="agentLine">The server's end of the agent protocol; becomes the driver's.</param>
    /// <param name="parts">What it decides; null: as the specification says. One set serves one driver.</param>
    /// <param name="log">Hears, one line each, what the device did wrong; called on the driver's thread.</param>
    public static ReferenceDriver Start(
        string deviceSocket, UnixStream agentLine, DriverParts? parts = null, DriverOptions? options = null, Action<string>? log = null)
    {
        ReferenceDriver driver = new(deviceSocket, agentLine, parts ?? new DriverParts(), options ?? new DriverOptions(), log);
        driver.thread.Start();
        return driver;
    }

    /// <summary>Waits until the driver has ended.</summary>
    public void Wait() => thread.Join();

    /// <summary>Asks the driver to end; from any thread.</summary>
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

    private void Run(string deviceSocket, UnixStream agentLine, DriverParts parts, DriverOptions options, Action<string>? log)
    {
        try
        {
            using DriverDevice device = DriverDevice.Open(deviceSocket, parts, options);
            using DriverMachine machine = new(device, agentLine, parts, options, loop, log);
            while (!stopping && !machine.IsOver)
            {
                machine.Turn();
            }
        }
        catch (TransportException e)
        {
            Fault = e.Message;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The thread has nobody above it: whoever waits for the driver asks for the fault.
            Fault = e.ToString();
        }
        finally
        {
            agentLine.Dispose();
            loop.Dispose();
            completion.SetResult();
        }
    }

    private sealed class Sleeper : IWatcher
    {
        public void Ready(EpollEvents events)
        {
            // Being awake is all that is wanted.
        }
    }
}
