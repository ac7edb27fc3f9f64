using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>Boots guests in a VMM that a manifest describes: our kernel and initramfs, its machine. Thread-safe.</summary>
public static class CommandLauncher
{
    /// <summary>What a kernel needs to hear; where the console is, is the manifest's to say.</summary>
    private const string KernelLine = "panic=-1 oops=panic";

    private const int ConsoleLines = 20;

    /// <summary>How long the last words of a machine that ended may take to be read.</summary>
    private static readonly TimeSpan LastWords = TimeSpan.FromMilliseconds(500);

    /// <summary>Between two looks at whether a boot still gets on.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);

    /// <summary>Returns when the agent has said hello. Whatever happens, no process, socket or folder is left: also when this process is killed.</summary>
    /// <param name="manifest">Path of the manifest, for messages; a program given by a relative path is looked for beside it.</param>
    /// <param name="image">Null: the machine brings its own system.</param>
    /// <exception cref="GuestException">The guest did not boot; what the VMM printed last is in the message.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the machine is gone.</exception>
    public static Guest Start(GuestSpec spec, string manifest, GuestKernel kernel, GuestImage? image, GuestVsock device, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        InstanceFolder folder = InstanceFolder.Create();
        TargetProcess? machine = null;
        AgentClient? agent = null;
        AgentLine? line = null;
        try
        {
            string initramfs = Path.Combine(folder.Path, "initramfs");
            image?.Save(initramfs);
            line = AgentLine.Prepare(spec.Line, Path.Combine(folder.Path, "console"));
            (string Token, string Value)[] values = Values(spec, kernel, folder.Path, initramfs, line.Path, device);
            string[] command = [.. spec.Command.Select(word => Fill(word, values))];
            command[0] = Program(command[0], manifest);
            long begin = Stopwatch.GetTimestamp();
            machine = Launch(line, command, spec.Environment.ToDictionary(p => p.Key, p => Fill(p.Value, values), StringComparer.Ordinal), folder.Path, manifest);

            TargetProcess running = machine;
            UnixStream stream = line.Establish(() => Rest(spec, running, begin, cancellation));
            agent = new AgentClient(new AgentConnection(stream, () => LastSaid(running)));
            while (!agent.Hello.IsCompleted)
            {
                Rest(spec, running, begin, cancellation);
            }

            AgentHello hello = HelloOf(agent);
            return new Guest(machine, folder, agent, hello, Stopwatch.GetElapsedTime(begin), null)
            {
                Machine = new GuestMachine(Printable.Clean(Path.GetFileName(command[0])), "unknown", null),
                Kernel = kernel,
                ImageDigest = image?.Digest ?? GuestKernel.Foreign.Digest,
            };
        }
        catch
        {
            agent?.Dispose();
            machine?.Dispose();
            folder.Dispose();
            throw;
        }
        finally
        {
            line?.Dispose();
        }
    }

    /// <summary>Waits a moment of the time to boot; throws when it is over, or the machine is.</summary>
    private static void Rest(GuestSpec spec, TargetProcess machine, long begin, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (machine.WaitForExit(Glance))
        {
            throw new GuestException($"the manifest's guest did not boot{LastSaid(machine)}");
        }

        if (Stopwatch.GetElapsedTime(begin) > spec.BootLimit)
        {
            throw new GuestException(
                string.Create(CultureInfo.InvariantCulture, $"the manifest's guest did not boot within {spec.BootLimit.TotalSeconds:0.#} s (field 'guest.bootTimeoutMs'){LastSaid(machine)}"));
        }
    }

    private static AgentHello HelloOf(AgentClient agent)
    {
        try
        {
            return agent.Hello.GetAwaiter().GetResult();
        }
        catch (GuestLostException e)
        {
            throw new GuestException($"the manifest's guest did not boot: {e.Message}", e);
        }
    }

    private static (string Token, string Value)[] Values(GuestSpec spec, GuestKernel kernel, string folder, string initramfs, string console, GuestVsock device)
    {
        (string socket, string cid) = device switch
        {
            GuestVsock.VhostUser back => (back.Socket, ""),
            GuestVsock.Kernel own => ("", own.Cid.ToString(CultureInfo.InvariantCulture)),
            _ => ("", ""),
        };
        return
        [
            ("{kernel}", kernel.Image),
            ("{initramfs}", initramfs),
            ("{cmdline}", $"{KernelLine} {AgentProtocol.ChannelOption}={spec.Terminal}"),
            ("{console}", console),
            ("{socket}", socket),
            ("{cid}", cid),
            ("{dir}", folder),
            ("{dotnet}", DotNet.Host),
            ("{base}", AppContext.BaseDirectory.TrimEnd('/')),
        ];
    }

    private static string Fill(string text, (string Token, string Value)[] values)
    {
        foreach ((string token, string value) in values)
        {
            text = text.Replace(token, value, StringComparison.Ordinal);
        }

        return text;
    }

    private static string Program(string name, string manifest)
    {
        string? path = name.Contains('/') ? Path.GetFullPath(name, Path.GetDirectoryName(manifest)!) : Executable.OnPath(name);
        return path is not null && File.Exists(path)
            ? path
            : throw new GuestException($"{manifest}: field 'guest.command': {(path is null ? $"'{name}' is not on PATH" : $"no such program: {path}")}; install it or correct the path");
    }

    private static TargetProcess Launch(AgentLine line, string[] command, Dictionary<string, string> environment, string folder, string manifest)
    {
        try
        {
            return line.Start(command, environment, folder);
        }
        catch (Win32Exception e)
        {
            throw new GuestException($"{manifest}: field 'guest.command': {command[0]} cannot be started: {e.Message}", e);
        }
    }

    private static string LastSaid(TargetProcess machine)
    {
        string state = machine.WaitForExit(LastWords) ? $"; the VMM ended with {machine.ExitStatus}" : "";
        IReadOnlyList<string> lines = machine.LastLines;
        return lines.Count == 0
            ? $"{state}; it printed nothing"
            : $"{state}; the end of what it printed:{string.Concat(lines.TakeLast(ConsoleLines).Select(l => $"\n  {l}"))}";
    }
}
