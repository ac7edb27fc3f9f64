using System.Runtime.InteropServices;

namespace Vsockspec.Agent;

/// <summary>The calls that run, and how to interrupt them: a signal to the thread, whose system call then ends with EINTR. Thread-safe.</summary>
internal sealed class RunningCalls
{
    /// <summary>A real-time signal that neither libc nor the runtime uses.</summary>
    private const int Signal = 50;

    /// <summary>A signal that came between two system calls interrupts neither, so it is sent again.</summary>
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(5);

    /// <summary>A call that does not end after so many signals does not sleep in a way that a signal can end.</summary>
    private const int Attempts = 400;

    private const int NoThread = 0;

    private readonly Lock _gate = new();
    private readonly Dictionary<uint, int> _threads = [];
    private readonly HashSet<uint> _cancelled = [];

    /// <summary>
    /// Without SA_RESTART system calls end. The handler runs at any place, so it must be code that does nothing: libc's abs(3), which computes on
    /// its argument alone.
    /// </summary>
    public static void Prepare()
    {
        SignalAction action = new() { Handler = NativeLibrary.GetExport(NativeLibrary.Load("libc.so.6"), "abs") };
        _ = Libc.SignalAction(Signal, ref action, 0);
    }

    /// <summary>True for a call that was asked to end: it does not go on with what a single system call left.</summary>
    public bool IsCancelled(uint id)
    {
        lock (_gate)
        {
            return _cancelled.Contains(id);
        }
    }

    /// <summary>Makes a call known before a thread takes it up, so that it can be cancelled from then on.</summary>
    public void Announce(uint id)
    {
        lock (_gate)
        {
            _threads[id] = NoThread;
        }
    }

    public void Enter(uint id)
    {
        lock (_gate)
        {
            _threads[id] = Libc.ThreadId();
        }
    }

    public void Leave(uint id)
    {
        lock (_gate)
        {
            _threads.Remove(id);
            _cancelled.Remove(id);
        }
    }

    /// <summary>Returns when the call has ended, or cannot be ended.</summary>
    public void Cancel(uint id)
    {
        using ManualResetEventSlim never = new();
        for (int i = 0; i < Attempts && SignalOnce(id); i++)
        {
            never.Wait(Again);
        }
    }

    /// <summary>As <see cref="Cancel"/>, for all calls but one.</summary>
    public void CancelOthers(uint id)
    {
        uint[] others;
        lock (_gate)
        {
            others = [.. _threads.Keys.Where(other => other != id)];
        }

        foreach (uint other in others)
        {
            Cancel(other);
        }
    }

    /// <summary>False when the call runs no more. The signal is sent under the lock: the thread does not leave its call meanwhile.</summary>
    private bool SignalOnce(uint id)
    {
        lock (_gate)
        {
            if (!_threads.TryGetValue(id, out int thread))
            {
                return false;
            }

            _cancelled.Add(id);
            if (thread != NoThread)
            {
                _ = Libc.SignalThread(Libc.ProcessId(), thread, Signal);
            }

            return true;
        }
    }
}
