using Vsockspec.Guests;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>
/// Runs cases against a target: one worker, one target instance. A target that died or failed a case is started anew, so no
/// case inherits another's wreck. Cases that may kill the target come last, each with a process of its own.
/// </summary>
public sealed class SuiteRunner(RequirementRegister register)
{
    private const ulong FirstCid = 3;

    /// <summary>Of second guests; there are at most 256 workers.</summary>
    private const ulong SecondCid = 1003;

    /// <summary>Runs everything asked for and returns; results go to <paramref name="listener"/> as they come.</summary>
    /// <exception cref="TargetException">The target cannot be started or does not speak the transport at all.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the cases that finished were reported.</exception>
    public void Run(RunRequest request, IRunListener listener, CancellationToken cancellation)
    {
        TargetFacts facts;
        using (Worker first = new(this, request, listener, 0))
        {
            facts = first.Probe(cancellation);
            listener.TargetProbed(facts);
            Queue<(CaseRun, int)> work = new(Plan(request));
            if (request.Jobs <= 1)
            {
                first.Work(work, facts, cancellation);
                return;
            }

            RunInParallel(request, listener, first, work, facts, cancellation);
        }
    }

    private static IEnumerable<(CaseRun Run, int Repetition)> Plan(RunRequest request)
    {
        ILookup<Isolation, CaseRun> byIsolation = request.Runs.ToLookup(r => r.Case.Attribute.Isolation);
        foreach (Isolation isolation in (Isolation[])[Isolation.Session, Isolation.Process])
        {
            for (int repetition = 1; repetition <= request.Repeat; repetition++)
            {
                foreach (CaseRun run in byIsolation[isolation].Where(r => !request.Done.Contains((r.FullName, repetition))))
                {
                    yield return (run, repetition);
                }
            }
        }
    }

    private void RunInParallel(
        RunRequest request,
        IRunListener listener,
        Worker first,
        Queue<(CaseRun, int)> work,
        TargetFacts facts,
        CancellationToken cancellation)
    {
        List<Worker> workers = [first];
        List<Exception> faults = [];
        try
        {
            for (int i = 1; i < request.Jobs && request.Target.CanRestart; i++)
            {
                workers.Add(new Worker(this, request, listener, i));
            }

            Thread[] threads = [.. workers.Select(worker => new Thread(() =>
            {
                try
                {
                    worker.Work(work, facts, cancellation);
                }
                catch (Exception e) when (e is TargetException or OperationCanceledException or IOException)
                {
                    lock (faults)
                    {
                        faults.Add(e);
                    }

                    lock (work)
                    {
                        work.Clear();
                    }
                }
            }))];
            foreach (Thread thread in threads)
            {
                thread.Start();
            }

            foreach (Thread thread in threads)
            {
                thread.Join();
            }
        }
        finally
        {
            workers.Skip(1).ToList().ForEach(w => w.Dispose());
        }

        if (faults.Count > 0)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(faults[0]);
        }
    }

    /// <summary>One target instance and the cases run on it.</summary>
    private sealed class Worker(SuiteRunner suite, RunRequest request, IRunListener listener, int index) : IDisposable
    {
        private readonly CaseExecution execution = new(request, suite.Register);
        private InstanceFolder? folder;
        private ITargetInstance? instance;
        private readonly GuestKeeper? guests = request.Guests is { } source ? new GuestKeeper(source, listener) : null;
        private bool hasServedGuest;

        public TargetFacts Probe(CancellationToken cancellation) => TargetProbe.Ask(request.Target, Instance(cancellation), request.Patience);

        public void Work(Queue<(CaseRun Run, int Repetition)> work, TargetFacts facts, CancellationToken cancellation)
        {
            while (true)
            {
                (CaseRun Run, int Repetition) next;
                lock (work)
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (!work.TryDequeue(out next))
                    {
                        return;
                    }
                }

                CaseResult result = RunOne(next.Run, next.Repetition, facts, cancellation);
                if (request.FailFast && Verdicts.ExitCode([result.Verdict]) != 0)
                {
                    lock (work)
                    {
                        work.Clear();
                    }
                }
            }
        }

        public void Dispose()
        {
            guests?.Dispose();
            instance?.Dispose();
            folder?.Dispose();
            execution.Dispose();
        }

        private CaseResult RunOne(CaseRun run, int repetition, TargetFacts facts, CancellationToken cancellation)
        {
            lock (listener)
            {
                listener.CaseStarted(run, repetition);
            }

            CaseResult result = execution.Skips(run, repetition, facts) ?? RunOnTarget(run, repetition, facts, cancellation);
            lock (listener)
            {
                listener.CaseFinished(result);
            }

            return result;
        }

        private CaseResult RunOnTarget(CaseRun run, int repetition, TargetFacts facts, CancellationToken cancellation)
        {
            bool alone = run.Case.Attribute.Isolation == Isolation.Process || (request.Target.IsFreshForEachCase && !run.Case.NeedsGuest);
            if (alone || run.Case.NeedsGuest != hasServedGuest)
            {
                // A back end has one front end at a time: the guest's or ours.
                Retire();
            }

            hasServedGuest = run.Case.NeedsGuest;
            CaseResult result;
            try
            {
                result = run.Case.NeedsGuest ? RunInGuest(run, repetition, facts, cancellation) : execution.Run(run, repetition, Instance(cancellation), null, facts);
            }
            catch (Exception e) when (e is GuestException or KernelException or GuestCallException)
            {
                Retire();
                return execution.Unable(run, repetition, "guest-not-ready", e.Message);
            }

            // After a failure nothing is known about the state of the target: the next case gets a new one.
            if (alone || Verdicts.ExitCode([result.Verdict]) != 0)
            {
                Retire();
            }

            return result;
        }

        private CaseResult RunInGuest(CaseRun run, int repetition, TargetFacts facts, CancellationToken cancellation)
        {
            ITargetInstance target = Instance(cancellation);
            GuestAccess access = new(guests!, request.Target, target, SecondCid + (ulong)index, cancellation);
            VirtioFeatures missing = guests!.Lacks(run.Case.Attribute.Needs);
            return missing == 0
                ? guests.Inspect(execution.Run(run, repetition, target, access, facts), execution.Audited)
                : execution.Beyond(run, repetition, missing);
        }

        /// <summary>A target that cannot be started again goes on, without the guest.</summary>
        private void Retire()
        {
            guests?.Release();
            if (request.Target.CanRestart)
            {
                instance?.Dispose();
                instance = null;
            }
        }

        private ITargetInstance Instance(CancellationToken cancellation)
        {
            if (instance is { HasExited: true } && request.Target.CanRestart)
            {
                Retire();
            }

            folder ??= InstanceFolder.Create();
            return instance ??= request.Target.Start(new TargetPlace(folder.Path, FirstCid + (ulong)index), cancellation);
        }
    }

    private RequirementRegister Register => register;
}
