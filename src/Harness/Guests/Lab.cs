using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;
using Vsockspec.Interop;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>
/// A virtual machine with a kernel of choice whose files are this machine's: a program runs in it as it would here. See docs/lab.md.
/// </summary>
public sealed class Lab
{
    /// <summary>How long QEMU may take until it has connected all its streams.</summary>
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);

    /// <summary>How long a program that is told to stop may take to end by itself.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);

    /// <summary>How long the last lines of a machine that ended may take to be read.</summary>
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(10);

    /// <summary>Between two looks at whether QEMU still runs while it connects.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);

    private readonly LabPlan _plan;
    private readonly LabTools _tools;

    public Lab(LabPlan plan, LabTools tools)
    {
        _plan = plan;
        _tools = tools;
    }

    /// <summary>
    /// Boots the machine, runs the program and returns when both have ended. Whatever happens, no process, socket or folder is left: also when this
    /// process is killed.
    /// </summary>
    /// <param name="output">Gets the program's output, as it comes.</param>
    /// <param name="errors">Gets what the program writes to its standard error.</param>
    /// <param name="cancellation">Asks the program to stop, as SIGTERM does; a machine that still boots is ended at once.</param>
    /// <exception cref="KernelException">The kernel lacks something.</exception>
    /// <exception cref="LabException">A tool does not work.</exception>
    public LabOutcome Run(Stream output, Stream errors, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        using InstanceFolder folder = InstanceFolder.Create();
        string initramfs = Path.Combine(folder.Path, "initramfs");
        using (FileStream file = File.Create(initramfs))
        {
            LabInitramfs.Write(file, _plan, _tools, cancellation);
        }

        Dictionary<string, LabStream> streams = LabMachine.Streams.ToDictionary(n => n, n => new LabStream(Path.Combine(folder.Path, n)), StringComparer.Ordinal);
        List<FolderShare> shares = [];
        try
        {
            foreach ((string tag, string path) in LabMachine.Tags(_plan).Zip(_plan.WritableFolders.Prepend("/")))
            {
                shares.Add(FolderShare.Start(_tools, path, Path.Combine(folder.Path, tag)));
            }

            return Run(folder.Path, initramfs, streams, shares, output, errors, cancellation);
        }
        finally
        {
            shares.ForEach(s => s.Dispose());
            foreach (LabStream stream in streams.Values)
            {
                stream.Dispose();
            }
        }
    }

    private LabOutcome Run(
        string folder,
        string initramfs,
        Dictionary<string, LabStream> streams,
        List<FolderShare> shares,
        Stream output,
        Stream errors,
        CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        using TargetProcess machine = StartMachine(folder, initramfs, shares);
        if (Connect(streams, () => machine.HasExited || shares.Exists(s => s.HasExited)) is not { } connected)
        {
            return new LabOutcome(LabEnd.NotBooted, null, null, [], Said());
        }

        LineTail console = new();
        Task reading = console.Follow(connected[LabMachine.Console]);
        Task copying = Task.WhenAll(
            LabStream.Copy(connected[LabMachine.Output], output),
            LabStream.Copy(connected[LabMachine.Errors], errors));
        LabControl control = new(connected[LabMachine.Control]);

        TimeSpan? bootTime = null;
        LabEnd end = LabEnd.BootTimedOut;
        if (Within(control.Started, _plan.BootLimit, cancellation) && !control.IsUp)
        {
            end = LabEnd.NotBooted;
        }
        else if (control.IsUp)
        {
            bootTime = Stopwatch.GetElapsedTime(start);
            end = !Within(control.Exited, _plan.Limit, cancellation) ? LabEnd.TimedOut
                : control.ExitCode is null ? LabEnd.Crashed
                : LabEnd.Exited;
        }

        if (cancellation.IsCancellationRequested && end is (LabEnd.BootTimedOut or LabEnd.TimedOut))
        {
            end = LabEnd.Stopped;
            if (bootTime is not null)
            {
                control.Stop();
                Within(control.Exited, StopLimit, CancellationToken.None);
            }
        }

        machine.Dispose();
        reading.Wait(DrainLimit, CancellationToken.None);
        Finish(copying);
        return new LabOutcome(end, control.ExitCode, bootTime, console.Lines, Said());

        IReadOnlyList<string> Said() => [.. machine.LastLines, .. shares.SelectMany(s => s.LastLines).Where(l => !l.StartsWith("virtio_", StringComparison.Ordinal))];
    }

    /// <summary>Null when the machine or a share ended instead, or does not get on.</summary>
    private static Dictionary<string, NetworkStream>? Connect(Dictionary<string, LabStream> streams, Func<bool> isBroken)
    {
        using CancellationTokenSource limit = new(StartLimit);
        Dictionary<string, NetworkStream> connected = new(StringComparer.Ordinal);
        foreach ((string name, LabStream stream) in streams)
        {
            Task<NetworkStream> accepting = stream.Accept(limit.Token);
            while (Task.WaitAny([accepting], Glance) < 0)
            {
                if (isBroken())
                {
                    limit.Cancel();
                }
            }

            if (!accepting.IsCompletedSuccessfully)
            {
                return null;
            }

            connected[name] = accepting.Result;
        }

        return connected;
    }

    /// <summary>True when it happened; false when the time is over or the wait was cancelled.</summary>
    private static bool Within(Task what, TimeSpan limit, CancellationToken cancellation)
    {
        try
        {
            return what.Wait((int)Math.Min(limit.TotalMilliseconds, int.MaxValue), cancellation);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Starts the machine and leaves the connections to the shares to it.</summary>
    private TargetProcess StartMachine(string folder, string initramfs, List<FolderShare> shares)
    {
        List<Inheritance> connections = [];
        try
        {
            connections.AddRange(shares.Select(s => s.Inherit()));
            IReadOnlyList<string> command = LabMachine.CommandLine(_plan, _tools, initramfs, name => Path.Combine(folder, name), connections.Select(c => c.Fd));
            return TargetProcess.Start(command, new Dictionary<string, string>(StringComparer.Ordinal), "/");
        }
        catch (Win32Exception e)
        {
            throw new LabException($"{_tools.Qemu}: {e.Message}; install it again: sudo apt-get install -y --reinstall qemu-system-x86", e);
        }
        finally
        {
            connections.ForEach(c => c.Dispose());
            shares.ForEach(s => s.Leave());
        }
    }

    /// <summary>All that the program wrote is in the sockets: QEMU takes a write from the guest only when it is done with it.</summary>
    private static void Finish(Task copying)
    {
        try
        {
            copying.Wait();
        }
        catch (AggregateException e) when (e.InnerException is IOException)
        {
            // Whoever reads our output has gone; the program's exit code still counts.
        }
    }
}
