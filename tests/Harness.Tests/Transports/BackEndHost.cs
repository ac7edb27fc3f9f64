using System.Collections.Concurrent;
using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;

namespace Vsockspec.Harness.Tests.Transports;

/// <summary>Runs a back-end session on a thread of its own until its front end leaves or the host is disposed.</summary>
internal sealed class BackEndHost : IDisposable
{
    private readonly EventFd wake = new();
    private readonly Thread thread;
    private readonly ConcurrentQueue<Action<VhostUserBackEnd>> work = [];
    private volatile bool stopping;

    public BackEndHost(UnixStream stream, RecordingHandler? handler = null, BackEndRules? rules = null)
    {
        Handler = handler ?? new RecordingHandler();
        Session = new VhostUserBackEnd(stream, Handler, CreateRing, rules, Log.Enqueue);
        thread = new Thread(Run) { IsBackground = true };
        thread.Start();
    }

    public RecordingHandler Handler { get; }

    public VhostUserBackEnd Session { get; }

    public ConcurrentQueue<string> Log { get; } = [];

    /// <summary>What ended the thread, if it was an exception.</summary>
    public Exception? Crash { get; private set; }

    /// <summary>A front end connected to a new host.</summary>
    public static (VhostUserFrontEnd FrontEnd, BackEndHost Host) Connect(
        VhostUserFrontEndOptions? options = null, RecordingHandler? handler = null, BackEndRules? rules = null)
    {
        (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
        BackEndHost host = new(theirs, handler, rules);
        return (new VhostUserFrontEnd(ours, options), host);
    }

    public static DeviceRing CreateRing(GuestMemory memory, RingSetup setup, uint start) =>
        setup.Layout == RingLayout.Split ? new SplitDeviceRing(memory, setup, start) : new PackedDeviceRing(memory, setup, start);

    /// <summary>Runs something on the session's thread and waits for it.</summary>
    public void Do(Action<VhostUserBackEnd> action)
    {
        using ManualResetEventSlim done = new();
        Exception? failure = null;
        work.Enqueue(session =>
        {
            try
            {
                action(session);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                failure = e;
            }

            done.Set();
        });
        wake.Signal();
        Assert.That(done.Wait(TimeSpan.FromSeconds(5)), Is.True, "the session's thread did not take the action");
        Assert.That(failure, Is.Null);
    }

    public bool WaitClosed() => thread.Join(TimeSpan.FromSeconds(5)) && Session.IsClosed;

    public void Dispose()
    {
        stopping = true;
        wake.Signal();
        thread.Join();
        Session.Dispose();
        wake.Dispose();
        Assert.That(Crash, Is.Null);
        foreach (string line in Log)
        {
            TestContext.Out.WriteLine(line);
        }
    }

    private void Run()
    {
        try
        {
            Span<PollEntry> entries = stackalloc PollEntry[2];
            while (!Session.IsClosed && !stopping)
            {
                entries[0] = new PollEntry(Session.WatchFd, PollEvents.Readable);
                entries[1] = new PollEntry(wake.Fd, PollEvents.Readable);
                Poll.Wait(entries, -1);
                wake.Drain();
                while (work.TryDequeue(out Action<VhostUserBackEnd>? action))
                {
                    action(Session);
                }

                Session.ProcessMessages();
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Crash = e;
        }
    }
}
