using System.ComponentModel;

namespace Vsockspec.Targets;

/// <summary>A target that we start: one process for each instance.</summary>
public sealed class LaunchedTarget : IDeviceTarget
{
    private readonly TargetManifest _manifest;
    private readonly LaunchSpec _launch;
    private readonly Lazy<string?> _digest;

    /// <exception cref="TargetException">The manifest has no <see cref="TargetManifest.Launch"/>.</exception>
    public LaunchedTarget(TargetManifest manifest)
    {
        _manifest = manifest;
        _launch = manifest.Launch ?? throw new TargetException($"{manifest.File}: has no field 'launch'", manifest: true);
        _digest = new Lazy<string?>(() => Executable.Digest([.. ResolveProgram(_launch.Command).Select(Placeholders.FillStatic)], _launch.WorkingDirectory));
    }

    public string Name => _manifest.Name;

    public string? Version => _manifest.Version;

    public TargetRole Role => _manifest.Role;

    public string Transport => _manifest.Transport;

    public string? Digest => _digest.Value;

    public IReadOnlyList<string>? Claims => _manifest.Claims;

    public bool CanRestart => true;

    public string AskUnknownOption(TargetPlace place, CancellationToken cancellation)
    {
        LaunchSpec asking = _launch with { Command = [.. _launch.Command, UnknownOption.Text], ReadyTimeout = UnknownOption.Within(_launch.ReadyTimeout) };
        return UnknownOption.Ask(() => new LaunchedTarget(_manifest with { Launch = asking }).Start(place, cancellation));
    }

    public ITargetInstance Start(TargetPlace place, CancellationToken cancellation)
    {
        string socket = Path.Combine(place.Folder, "vhost.sock");
        string uds = Path.Combine(place.Folder, "vsock");
        UnixSockets.RefuseLongPath(socket);
        UnixSockets.RefuseLongPath($"{uds}_{uint.MaxValue}");

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
            Readiness readiness = new(Name, _manifest.File, "launch.readyTimeoutMs", socket, _launch.ReadyTimeout, () => UnixSockets.IsListening(socket, workingDirectory));
            readiness.Await(process, cancellation);
            return instance;
        }
        catch
        {
            instance.Dispose();
            throw;
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
