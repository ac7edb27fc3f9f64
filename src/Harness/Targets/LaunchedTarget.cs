using System.ComponentModel;
using System.Diagnostics;

namespace Vsockspec.Targets;

/// <summary>A target that we start: one process for each instance.</summary>
public sealed class LaunchedTarget : IDeviceTarget
{
    /// <summary>Between two looks at whether the socket listens.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(2);

    private readonly TargetManifest _manifest;
    private readonly LaunchSpec _launch;
    private readonly Lazy<string?> _digest;

    /// <exception cref="TargetException">The manifest has no <see cref="TargetManifest.Launch"/>.</exception>
    public LaunchedTarget(TargetManifest manifest)
    {
        _manifest = manifest;
        _launch = manifest.Launch ?? throw new TargetException($"{manifest.File}: has no field 'launch'", manifest: true);
        _digest = new Lazy<string?>(() => Executable.Digest([.. ResolveProgram(_launch.Command).Select(Placeholders.FillStatic)]));
    }

    public string Name => _manifest.Name;

    public string? Version => _manifest.Version;

    public TargetRole Role => _manifest.Role;

    public string Transport => _manifest.Transport;

    public string? Digest => _digest.Value;

    public IReadOnlyList<string>? Claims => _manifest.Claims;

    public bool CanRestart => true;

    public ITargetInstance Start(TargetPlace place, CancellationToken cancellation)
    {
        string socket = Path.Combine(place.Folder, "vhost.sock");
        string uds = Path.Combine(place.Folder, "vsock");
        RefuseLongPath(socket);
        RefuseLongPath($"{uds}_{uint.MaxValue}");

        Placeholders placeholders = new(socket, uds, place);
        string[] command = [.. ResolveProgram(_launch.Command).Select(placeholders.Fill)];
        Dictionary<string, string> environment = _launch.Environment.ToDictionary(p => p.Key, p => placeholders.Fill(p.Value), StringComparer.Ordinal);
        string workingDirectory = _launch.WorkingDirectory ?? place.Folder;
        if (!Directory.Exists(workingDirectory))
        {
            throw new TargetException($"{_manifest.File}: field 'launch.workingDirectory': no such folder: {workingDirectory}", manifest: true);
        }

        TargetProcess process;
        try
        {
            process = TargetProcess.Start(command, environment, workingDirectory);
        }
        catch (Win32Exception e)
        {
            throw new TargetException($"{_manifest.File}: field 'launch.command': {command[0]} cannot be started: {e.Message}", manifest: true, e);
        }

        LaunchedInstance instance = new(process, socket, uds, place.GuestCid);
        try
        {
            WaitUntilListening(instance, process, workingDirectory, cancellation);
            return instance;
        }
        catch
        {
            instance.Dispose();
            throw;
        }
    }

    private void WaitUntilListening(LaunchedInstance instance, TargetProcess process, string workingDirectory, CancellationToken cancellation)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (!(File.Exists(instance.Socket) && UnixSockets.IsListening(instance.Socket, workingDirectory)))
        {
            cancellation.ThrowIfCancellationRequested();
            if (process.WaitForExit(Glance))
            {
                throw new TargetException($"{Name}: ended with {process.ExitStatus} before it served {instance.Socket}{Said(process)}");
            }

            if (clock.Elapsed >= _launch.ReadyTimeout)
            {
                // A listener in another network namespace is not in our table.
                if (File.Exists(instance.Socket) && UnixSockets.AcceptsConnection(instance.Socket))
                {
                    return;
                }

                string state = File.Exists(instance.Socket) ? "did not listen on" : "did not make";
                throw new TargetException(
                    $"{Name}: {state} the socket {instance.Socket} within {_launch.ReadyTimeout.TotalMilliseconds:0} ms "
                    + $"(field 'launch.readyTimeoutMs' of {_manifest.File}){Said(process)}");
            }
        }
    }

    /// <summary>The program by its full path: a bare name is looked for on PATH, a relative path starts from the manifest's folder.</summary>
    private IReadOnlyList<string> ResolveProgram(IReadOnlyList<string> command)
    {
        string program = Placeholders.FillStatic(command[0]);
        string? path = program.Contains('/')
            ? Path.GetFullPath(program, Path.GetDirectoryName(_manifest.File)!)
            : Executable.OnPath(program);
        if (path is null || !File.Exists(path))
        {
            string where = path is null ? $"'{program}' is not on PATH" : $"no such program: {path}";
            throw new TargetException($"{_manifest.File}: field 'launch.command': {where}; install it or correct the path", manifest: true);
        }

        if (!Executable.IsExecutable(path))
        {
            throw new TargetException($"{_manifest.File}: field 'launch.command': {path} is not executable; chmod +x it", manifest: true);
        }

        return [path, .. command.Skip(1)];
    }

    private static void RefuseLongPath(string path)
    {
        if (path.Length > UnixSockets.MaxPathLength)
        {
            throw new TargetException($"the socket path {path} is longer than {UnixSockets.MaxPathLength} bytes; use a shorter TMPDIR", manifest: true);
        }
    }

    private static string Said(TargetProcess process)
    {
        IReadOnlyList<string> lines = process.LastLines;
        return lines.Count == 0 ? "; it printed nothing" : "; its last lines:\n  " + string.Join("\n  ", lines.TakeLast(10));
    }
}

/// <summary>One process of a <see cref="LaunchedTarget"/>.</summary>
internal sealed class LaunchedInstance(TargetProcess process, string socket, string uds, ulong guestCid) : IVhostUserInstance
{
    public string Socket => socket;

    public string Uds => uds;

    public ulong GuestCid => guestCid;

    public int? ProcessId => process.Id;

    public bool HasExited => process.HasExited;

    public string? ExitStatus => process.WaitForExit(TimeSpan.Zero) ? process.ExitStatus : null;

    public IReadOnlyList<string> LastLines => process.LastLines;

    public void Dispose() => process.Dispose();
}
