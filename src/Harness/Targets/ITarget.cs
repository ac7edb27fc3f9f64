using Vsockspec.Peers;
using Vsockspec.Transports;

namespace Vsockspec.Targets;

/// <summary>The side a target plays.</summary>
public enum TargetRole
{
    Device,
    Driver,
}

/// <summary>Where one instance of a target is to live: a folder of its own, made and removed by the runner.</summary>
/// <param name="Folder">Absolute path, short enough for socket paths.</param>
/// <param name="GuestCid">The CID to give to the device.</param>
public sealed record TargetPlace(string Folder, ulong GuestCid);

/// <summary>What is judged: a device (<see cref="IDeviceTarget"/>) or a driver.</summary>
public interface ITarget
{
    string Name { get; }

    string? Version { get; }

    TargetRole Role { get; }

    /// <summary><c>vhost-user</c> or <c>vhost-kernel</c>.</summary>
    string Transport { get; }

    /// <summary>SHA-256 of the program, where there is one.</summary>
    string? Digest { get; }

    /// <summary>Features the vendor says are there, by the names of <c>docs/manifest.md</c>; null: claims nothing, whatever is offered is judged.</summary>
    IReadOnlyList<string>? Claims { get; }

    /// <summary>False for a target that somebody else started: it cannot be restarted, so cases that may kill it are not run.</summary>
    bool CanRestart { get; }
}

/// <summary>A device that is judged: the raw driver, or a guest, is its driver.</summary>
public interface IDeviceTarget : ITarget
{
    /// <summary>
    /// True where a case leaves things behind that would reach the next case on the same instance, as a kernel's closed sockets do for seconds, and a
    /// new instance costs nothing.
    /// </summary>
    bool IsFreshForEachCase => false;

    /// <summary>What its program does with an option that it cannot know, as <see cref="UnknownOption"/> words it; null where we start no program.</summary>
    /// <exception cref="TargetException">The manifest is wrong.</exception>
    string? AskUnknownOption(TargetPlace place, CancellationToken cancellation) => null;

    /// <summary>Brings up one instance and returns when devices can be opened on it.</summary>
    /// <exception cref="TargetException">It did not come up; the message has its exit status and last lines.</exception>
    ITargetInstance Start(TargetPlace place, CancellationToken cancellation);
}

/// <summary>A running target. Disposing ends it and everything it started.</summary>
public interface ITargetInstance : IDisposable
{
    ulong GuestCid { get; }

    int? ProcessId { get; }

    bool HasExited { get; }

    /// <summary><c>exit code 101</c>, <c>signal 11 (SIGSEGV)</c>; null while it runs or when it is not ours.</summary>
    string? ExitStatus { get; }

    /// <summary>The last lines of its stderr (and stdout), oldest first.</summary>
    IReadOnlyList<string> LastLines { get; }

    /// <summary>A device for one session, through the transport's usual opening up to the features. One at a time.</summary>
    /// <param name="patience">How long each answer may take.</param>
    /// <exception cref="TransportException">It cannot be reached, or breaks the transport's protocol.</exception>
    IVsockDevice OpenDevice(TimeSpan patience);

    /// <summary>The host application's side.</summary>
    IHostPeer OpenHost(Timeline timeline);
}

/// <summary>A running vhost-user back end.</summary>
public interface IVhostUserInstance : ITargetInstance
{
    /// <summary>The vhost-user socket.</summary>
    string Socket { get; }

    /// <summary>Path prefix of the hybrid Unix sockets.</summary>
    string Uds { get; }

    IVsockDevice ITargetInstance.OpenDevice(TimeSpan patience)
    {
        VhostUserFrontEnd device = VhostUserFrontEnd.Connect(Socket, new VhostUserFrontEndOptions { Deadline = patience });
        try
        {
            device.Negotiate();
            return device;
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    IHostPeer ITargetInstance.OpenHost(Timeline timeline) => new HybridHostPeer(timeline, Uds);
}

/// <summary>The device of a running kernel.</summary>
public interface IVhostKernelInstance : ITargetInstance
{
    /// <summary>Opens the device; nothing is asked yet.</summary>
    /// <exception cref="TransportException"><see cref="TransportFault.Unreachable"/>.</exception>
    VhostKernelDevice Open();

    IVsockDevice ITargetInstance.OpenDevice(TimeSpan patience)
    {
        VhostKernelDevice device = Open();
        try
        {
            device.Claim(GuestCid);
            return device;
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }
}

/// <summary>The target could not be brought up or is described wrongly.</summary>
public sealed class TargetException(string message, bool manifest = false, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>True when the description is at fault (exit code 2), false when the target is.</summary>
    public bool IsManifestError { get; } = manifest;

    /// <summary>How the target ended where it ended before it served; otherwise null.</summary>
    public string? ExitStatus { get; init; }
}
