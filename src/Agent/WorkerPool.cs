using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>Threads that run calls, one each: a call that blocks holds up no other. Threads are made as needed and kept.</summary>
internal sealed class WorkerPool
{
    private const int StackBytes = 256 << 10;

    private readonly object _gate = new();
    private readonly Queue<Action> _waiting = new();
    private int _threads;
    private int _busy;

    /// <summary>False when <see cref="AgentProtocol.MaxConcurrentCalls"/> run already.</summary>
    public bool TryRun(Action work)
    {
        lock (_gate)
        {
            if (_busy == AgentProtocol.MaxConcurrentCalls)
            {
                return false;
            }

            _waiting.Enqueue(work);
            if (++_busy > _threads)
            {
                _threads++;
                new Thread(Serve, StackBytes) { IsBackground = true }.Start();
            }

            Monitor.Pulse(_gate);
            return true;
        }
    }

    private void Serve()
    {
        while (true)
        {
            Action work;
            lock (_gate)
            {
                while (!_waiting.TryDequeue(out work!))
                {
                    Monitor.Wait(_gate);
                }
            }

            work();
            lock (_gate)
            {
                _busy--;
            }
        }
    }
}
