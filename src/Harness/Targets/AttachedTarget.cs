namespace Vsockspec.Targets;

/// <summary>A target that somebody else started. It is used as it is and left running.</summary>
public sealed class AttachedTarget : IDeviceTarget
{
    private readonly TargetManifest _manifest;
    private readonly AttachSpec _attach;

    /// <exception cref="TargetException">The manifest has no <see cref="TargetManifest.Attach"/>.</exception>
    public AttachedTarget(TargetManifest manifest)
    {
        _manifest = manifest;
        _attach = manifest.Attach ?? throw new TargetException($"{manifest.File}: has no field 'attach'", manifest: true);
    }

    public string Name => _manifest.Name;

    public string? Version => _manifest.Version;

    public TargetRole Role => _manifest.Role;

    public string Transport => _manifest.Transport;

    /// <summary>Unknown: we did not start the program.</summary>
    public string? Digest => null;

    public IReadOnlyList<string>? Claims => _manifest.Claims;

    public bool CanRestart => false;

    /// <exception cref="TargetException">Nobody serves the socket.</exception>
    public ITargetInstance Start(TargetPlace place, CancellationToken cancellation)
    {
        if (!File.Exists(_attach.Socket))
        {
            throw new TargetException(
                $"{_manifest.File}: field 'attach.socket': {_attach.Socket} does not exist; start the target first", manifest: true);
        }

        if (!UnixSockets.IsListening(_attach.Socket, place.Folder) && !UnixSockets.AcceptsConnection(_attach.Socket))
        {
            throw new TargetException(
                $"{_manifest.File}: field 'attach.socket': nobody serves {_attach.Socket}; start the target, or remove the stale file and start it", manifest: true);
        }

        return new AttachedInstance(_attach);
    }

    private sealed class AttachedInstance(AttachSpec attach) : IVhostUserInstance
    {
        public string Socket => attach.Socket;

        public string Uds => attach.Uds;

        public ulong GuestCid => attach.GuestCid;

        public int? ProcessId => null;

        public bool HasExited => false;

        public string? ExitStatus => null;

        public IReadOnlyList<string> LastLines => [];

        public void Dispose()
        {
            // Not ours to end.
        }
    }
}
