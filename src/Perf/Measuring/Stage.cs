using Vsockspec.Perf.Counting;
using Vsockspec.Targets;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Measuring;

/// <summary>One running instance of a target, in a folder of its own, and another when the first can no longer be used.</summary>
internal sealed class Stage(IDeviceTarget target) : IDisposable
{
    private const ulong GuestCid = 3;
    private InstanceFolder? folder;
    private ITargetInstance? instance;

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

    /// <summary>What it offers.</summary>
    /// <exception cref="TransportException">It does not answer.</exception>
    public VirtioFeatures Offered(TimeSpan patience, CancellationToken cancellation)
    {
        using IVsockDevice device = Instance(cancellation).OpenDevice(patience);
        return device.OfferedFeatures;
    }

    public TargetProcesses Processes => TargetProcesses.Of(instance?.ProcessId);

    /// <summary>How the instance ended, with its last line; empty while it runs.</summary>
    public string Epitaph => instance?.ExitStatus is { } status ? $"; the target ended with {status}{(instance.LastLines.Count > 0 ? $": {instance.LastLines[^1]}" : "")}" : "";

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
        folder?.Dispose();
        folder = null;
    }
}
