using Vsockspec.Perf.Counting;
using Vsockspec.Perf.Workloads;
using Vsockspec.Targets;
using Vsockspec.Transports;

namespace Vsockspec.Perf.Measuring;

/// <summary>One running instance of a target, in a folder of its own, and another when the first can no longer be used.</summary>
internal sealed class Stage(IDeviceTarget target) : IDisposable
{
    private const ulong GuestCid = 3;
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(200);
    private InstanceFolder? folder;
    private ITargetInstance? instance;
    private bool? isOurs;

    /// <summary>The instance; started where none runs.</summary>
    /// <exception cref="TargetException">It does not come up.</exception>
    public ITargetInstance Instance(CancellationToken cancellation)
    {
        if (instance is null)
        {
            folder = InstanceFolder.Create();
            instance = target.Start(new TargetPlace(folder.Path, GuestCid), cancellation);
        }

        return instance;
    }

    /// <summary>Why a running target cannot be asked for a workload; null: it can.</summary>
    /// <exception cref="TransportException">It does not answer.</exception>
    public static string? Refusal(IWorkload workload, Bench bench)
    {
        if (workload.Needs != 0)
        {
            using IVsockDevice device = bench.Target.OpenDevice(bench.Patience);
            if ((workload.Needs & ~device.OfferedFeatures) is var missing and not 0)
            {
                return $"the target does not offer {missing}";
            }
        }

        return workload.Refuses(bench);
    }

    /// <summary>For the next measurement, on the instance that runs, or on a new one, in its place beside our own threads.</summary>
    /// <exception cref="TargetException">It does not come up.</exception>
    public Bench Bench(IWorkload workload, double seconds, TimeSpan patience, CancellationToken cancellation)
    {
        ITargetInstance running = Instance(cancellation);
        TargetProcesses processes = TargetProcesses.Of(running.ProcessId);
        if (isOurs ??= Placement.IsOurs(processes))
        {
            if (workload.IsFromGuest)
            {
                Placement.Release(processes);
            }
            else
            {
                Placement.Place(processes, workload.Shares);
            }
        }

        return new Bench(running, processes, seconds, patience, cancellation);
    }

    /// <summary>How the instance ended, with its last line; empty while it runs. A program that has just broken its connection is given a moment to end.</summary>
    public string Epitaph()
    {
        if (instance is null || !SpinWait.SpinUntil(() => instance.HasExited, Moment) || instance.ExitStatus is not { } status)
        {
            return "";
        }

        return $"; the target ended with {status}{(instance.LastLines.Count > 0 ? $": {instance.LastLines[^1]}" : "")}";
    }

    /// <summary>The next workload gets a new instance, where we may start one.</summary>
    public void Discard()
    {
        if (target.CanRestart)
        {
            Dispose();
        }
    }

    public void Dispose()
    {
        instance?.Dispose();
        instance = null;
        isOurs = null;
        folder?.Dispose();
        folder = null;
    }
}
