using Tmds.Linux;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Transports;

namespace Vsockspec.Targets;

/// <summary>The vhost-vsock device of the running kernel. Each instance is a guest CID; each session opens the device anew.</summary>
public sealed class VhostKernelTarget : IDeviceTarget
{
    private const string InTheLab = "vsockspec run --target linux-vhost-vsock --lab";
    private readonly TargetManifest _manifest;
    private readonly string _device;

    /// <exception cref="TargetException">The manifest has no <see cref="TargetManifest.Device"/>.</exception>
    public VhostKernelTarget(TargetManifest manifest)
    {
        _manifest = manifest;
        _device = manifest.Device ?? throw new TargetException($"{manifest.File}: has no field 'device'", manifest: true);
    }

    public string Name => _manifest.Name;

    /// <summary>The manifest's, or the release of the running kernel.</summary>
    public string? Version => _manifest.Version ?? Release();

    public TargetRole Role => _manifest.Role;

    public string Transport => _manifest.Transport;

    /// <summary>Null: the kernel is not a file that could be read here; its release is the version.</summary>
    public string? Digest => null;

    public IReadOnlyList<string>? Claims => _manifest.Claims;

    /// <summary>True: the device is closed and opened again.</summary>
    public bool CanRestart => true;

    /// <summary>True: a socket that a case closed may send to its guest's CID until its timer has run out, 8 seconds later (virtio_transport_close).</summary>
    public bool IsFreshForEachCase => true;

    public ITargetInstance Start(TargetPlace place, CancellationToken cancellation)
    {
        VsockPermit permit;
        try
        {
            permit = VsockPermit.Obtain(_device);
        }
        catch (VsockRefusedException)
        {
            throw Refuse($"{_device} does not exist: this machine's kernel has no vhost-vsock, or its module is not loaded (sudo modprobe vhost_vsock); any machine can run it in the lab: {InTheLab}");
        }

        return new Instance(_device, permit, CidLease.Take(IsFree));
    }

    /// <summary><c>6.12.57+deb12-cloud-amd64</c>; null where /proc does not say.</summary>
    public static string? Release()
    {
        try
        {
            return File.ReadAllText("/proc/sys/kernel/osrelease").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The line that the running kernel belongs to, <c>6.12</c>; null where it is unknown.</summary>
    public static string? Line() => Release()?.Split('.') is [var major, var minor, ..] ? $"{major}.{string.Concat(minor.TakeWhile(char.IsAsciiDigit))}" : null;

    private bool IsFree(ulong cid)
    {
        VhostKernelDevice device;
        try
        {
            device = VhostKernelDevice.Open(_device);
        }
        catch (TransportException e)
        {
            string remedy = e.InnerException is ErrnoException { Errno: var errno } && (errno == LibC.EACCES || errno == LibC.EPERM)
                ? $"; give yourself access: sudo setfacl -m u:{Environment.UserName}:rw {_device}, or run in the lab: {InTheLab}"
                : $"; run in the lab: {InTheLab}";
            throw Refuse(e.Message + remedy);
        }

        using (device)
        {
            int errno = device.Ask(VhostIoctl.VsockSetGuestCid, cid);
            return errno == 0
                || (errno == LibC.EADDRINUSE
                    ? false
                    : throw Refuse($"{_device} is not a vhost-vsock device: {VhostIoctls.Name(VhostIoctl.VsockSetGuestCid)} failed with {ErrnoException.Describe(errno)}"));
        }
    }

    private TargetException Refuse(string why) => new($"{_manifest.File}: field 'device': {why}", manifest: true);

    private sealed class Instance(string device, VsockPermit permit, CidLease lease) : IVhostKernelInstance
    {
        public ulong GuestCid => lease.Cid;

        public int? ProcessId => null;

        public bool HasExited => false;

        public string? ExitStatus => null;

        public IReadOnlyList<string> LastLines => [];

        public VhostKernelDevice Open() => VhostKernelDevice.Open(device);

        public IHostPeer OpenHost(Timeline timeline) => new VsockHostPeer(timeline, GuestCid, permit);

        public void Dispose() => lease.Dispose();
    }
}
