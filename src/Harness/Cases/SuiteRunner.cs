using Vsockspec.Guests;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>
/// Runs cases against a target: one worker, one bench with one target instance. A target that died or failed a case is started anew, so no
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
        using (Worker first = new(Bench(request, listener, 0), request, listener, 0))
        {
            facts = first.Probe(cancellation);
            listener.TargetProbed(facts);
            WorkList work = new(Plan(request));
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
        foreach (Isolation isolation in (Isolation[])[Isolation.Session, Isolation.Process])
        {
            for (int repetition = 1; repetition <= request.Repeat; repetition++)
            {
                foreach (CaseRun run in InOrder(request, repetition).Where(r => r.Case.Attribute.Isolation == isolation && !request.Done.Contains((r.FullName, repetition))))
                {
                    yield return (run, repetition);
                }
            }
        }
    }

    /// <summary>
    /// Cases about a driver that want the same device come together, and cases about a device that want a guest, because another device or guest takes the boot of a
    /// guest.
    /// </summary>
    private static IEnumerable<CaseRun> InOrder(RunRequest request, int repetition)
    {
        CaseRun[] runs = [.. request.Runs];
        if (request.OrderSeed is { } seed)
        {
            new Random(unchecked((int)(seed ^ (seed >> 32)) + repetition)).Shuffle(runs);
        }

        return request.Target.Role == TargetRole.Driver
            ? runs.GroupBy(run => run.Case.Offer.Setup(run.Variant, FirstCid)).SelectMany(group => group)
            : runs.GroupBy(run => run.Case.NeedsGuest).SelectMany(group => group);
    }

    private void RunInParallel(
        RunRequest request,
        IRunListener listener,
        Worker first,
        WorkList work,
        TargetFacts facts,
        CancellationToken cancellation)
    {
        List<Worker> workers = [first];
        List<Exception> faults = [];
        try
        {
            for (int i = 1; i < request.Jobs && request.Target.CanRestart; i++)
            {
                workers.Add(new Worker(Bench(request, listener, i), request, listener, i));
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

                    work.Clear();
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

    internal IBench Bench(RunRequest request, IRunListener listener, int index) => request.Target switch
    {
        IDeviceTarget device => new DeviceBench(request, device, register, listener, FirstCid + (ulong)index, SecondCid + (ulong)index),
        IDriverTarget driver => new DriverBench(request, driver, register, listener, index),
        _ => throw new TargetException($"target '{request.Target.Name}' is neither a device nor a driver", manifest: true),
    };

    /// <summary>One thread that takes cases from the queue.</summary>
    private sealed class Worker(IBench bench, RunRequest request, IRunListener listener, int index) : IDisposable
    {
        public TargetFacts Probe(CancellationToken cancellation) => bench.Probe(cancellation);

        public void Work(WorkList work, TargetFacts facts, CancellationToken cancellation)
        {
            IForesight? far = bench as IForesight;
            while (true)
            {
                cancellation.ThrowIfCancellationRequested();
                if (!work.TryTake(index, out (CaseRun Run, int Repetition) next, far is { IsReady: true }))
                {
                    return;
                }

                far?.Prepare(work.Foresee(index, run => far.PreparesFor(run, facts)), work.WillReturn(index));
                CaseResult result = RunOne(next.Run, next.Repetition, facts, cancellation);
                if (request.FailFast && Verdicts.ExitCode([result.Verdict]) != 0)
                {
                    work.Clear();
                }
            }
        }

        public void Dispose() => bench.Dispose();

        private CaseResult RunOne(CaseRun run, int repetition, TargetFacts facts, CancellationToken cancellation)
        {
            lock (listener)
            {
                listener.CaseStarted(run, repetition);
            }

            CaseResult result = bench.Run(run, repetition, facts, cancellation);
            lock (listener)
            {
                listener.CaseFinished(result);
            }

            return result;
        }
    }
}
