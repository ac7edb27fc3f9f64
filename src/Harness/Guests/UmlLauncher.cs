using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>Boots guests in user-mode Linux: a process of this machine, without KVM and without root. Thread-safe.</summary>
public static class UmlLauncher
{
    private const string SharedMemory = "/dev/shm";

    /// <summary>The device id of a vsock device (virtio 1.4 section 5).</summary>
    private const int VsockDeviceId = 19;

    private const int ConsoleLines = 20;

    /// <summary>How long the last words of a machine that ended may take to be read.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromMilliseconds(500);

    /// <summary>Returns when the agent has said hello. Whatever happens, no process, socket or folder is left: also when this process is killed.</summary>
    /// <exception cref="GuestException">The guest did not boot; the end of its console is in the message.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the machine is gone.</exception>
    public static Guest Start(GuestKernel kernel, GuestImage image, UmlOptions options, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        InstanceFolder folder = InstanceFolder.Create();
        TargetProcess? machine = null;
        AgentClient? agent = null;
        UnixStream? shell = null;
        try
        {
            string initramfs = Path.Combine(folder.Path, "initramfs");
            image.Save(initramfs);
            (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
            (UnixStream First, UnixStream Second)? terminal = options.HasShell ? UnixStream.Pair() : null;
            shell = terminal?.First;
            long begin = Stopwatch.GetTimestamp();
            using (theirs)
            using (terminal?.Second)
            {
                machine = Launch(kernel, options, folder.Path, initramfs, theirs, terminal?.Second);
            }

            // Asked to end, user-mode Linux wants to end its devices first, which may wait for ever; it leaves nothing outside its folder.
            machine.Grace = TimeSpan.Zero;
            TargetProcess running = machine;
            agent = new AgentClient(new AgentConnection(ours, () => ConsoleOf(running)));
            AgentHello hello = WaitForHello(agent, running, options.BootLimit, cancellation);
            return new Guest(machine, folder, agent, hello, Stopwatch.GetElapsedTime(begin), shell)
            {
                Machine = new GuestMachine("user-mode Linux", "native", null),
                Kernel = kernel,
                ImageDigest = image.Digest,

                // The process executes itself anew, with the same lines to us and another connection to the device.
                CanRestart = true,
            };
        }
        catch
        {
            agent?.Dispose();
            machine?.Dispose();
            shell?.Dispose();
            folder.Dispose();
            throw;
        }
    }

    /// <param name="agentFd">The agent's end of its line, as the machine inherits it.</param>
    internal static IReadOnlyList<string> CommandLine(GuestKernel kernel, UmlOptions options, string folder, string initramfs, int agentFd, int? shellFd)
    {
        List<string> line =
        [
            kernel.Image,
            string.Create(CultureInfo.InvariantCulture, $"mem={options.MemoryMiB}M"),
            $"initrd={initramfs}",
            $"uml_dir={Path.Combine(folder, "uml")}",
            "con=null", "con0=null,fd:1", "ssl=null",
            string.Create(CultureInfo.InvariantCulture, $"ssl0=fd:{agentFd}"),
            $"{AgentProtocol.ChannelOption}=/dev/ttyS0",

            // A kernel that broke is not asked any further.
            "panic=-1", "oops=panic",

            // Nine tenths of the boot: the choice of a RAID 6 routine by timing each (lib/raid6/algos.c), and 256 terminals of a kind that nobody opens (drivers/tty/pty.c).
            "initcall_blacklist=raid6_select_algo", "pty.legacy_count=0",
        ];
        if (shellFd is { } fd)
        {
            line.AddRange([string.Create(CultureInfo.InvariantCulture, $"ssl1=fd:{fd}"), $"{AgentProtocol.ShellOption}=/dev/ttyS1"]);
        }

        if (options.DeviceSocket is { } socket)
        {
            line.Add($"virtio_uml.device={socket}:{VsockDeviceId}");
        }

        return line;
    }

    private static TargetProcess Launch(GuestKernel kernel, UmlOptions options, string folder, string initramfs, UnixStream agent, UnixStream? shell)
    {
        if (options.DeviceSocket is { } socket && (socket.Contains(':') || socket.Contains(' ')))
        {
            throw new GuestException($"the device's socket {socket}: user-mode Linux takes no path with a colon or a space; use another TMPDIR");
        }

        using Inheritance agentLine = new(agent.Handle);
        using Inheritance? shellLine = shell is null ? null : new Inheritance(shell.Handle);
        try
        {
            return TargetProcess.Start(CommandLine(kernel, options, folder, initramfs, agentLine.Fd, shellLine?.Fd), Environment(options, folder), folder, UmlProcessor.Next());
        }
        catch (Win32Exception e)
        {
            throw new GuestException($"{kernel.Image}: {e.Message}; install it again: sudo apt-get install -y --reinstall user-mode-linux", e);
        }
    }

    /// <summary>
    /// The guest's memory is a file. It belongs into memory; where containers have little of that, into the folder: a file system that is full
    /// ends the machine with SIGBUS at any time.
    /// </summary>
    private static Dictionary<string, string> Environment(UmlOptions options, string folder)
    {
        bool fits = Directory.Exists(SharedMemory) && new DriveInfo(SharedMemory).AvailableFreeSpace > (long)options.MemoryMiB << 20;
        return new Dictionary<string, string>(StringComparer.Ordinal) { ["TMPDIR"] = fits ? SharedMemory : folder };
    }

    private static AgentHello WaitForHello(AgentClient agent, TargetProcess machine, TimeSpan limit, CancellationToken cancellation)
    {
        try
        {
            return agent.Hello.WaitAsync(limit, cancellation).GetAwaiter().GetResult();
        }
        catch (TimeoutException)
        {
            throw new GuestException($"user-mode Linux did not boot within {limit.TotalSeconds:0.#} s{ConsoleOf(machine)}");
        }
        catch (GuestLostException e)
        {
            throw new GuestException($"user-mode Linux did not boot: {e.Message}", e);
        }
    }

    private static string ConsoleOf(TargetProcess machine)
    {
        string state = machine.WaitForExit(LastWords) ? $"; the machine ended with {machine.ExitStatus}" : "";
        IReadOnlyList<string> lines = machine.LastLines;
        return lines.Count == 0
            ? $"{state}; its console is empty"
            : $"{state}; the end of its console:{string.Concat(lines.TakeLast(ConsoleLines).Select(l => $"\n  {l}"))}";
    }
}
