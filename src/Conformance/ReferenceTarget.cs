using System.Collections.Concurrent;
using Vsockspec.Reference;
using Vsockspec.Targets;

namespace Vsockspec.Conformance;

/// <summary>The reference device on a thread of this process, as it stands or with one part replaced.</summary>
public sealed class ReferenceTarget(string name, Func<DeviceParts> parts) : IDeviceTarget
{
    /// <summary>Short, so that cases about the close timeout do not wait long.</summary>
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromMilliseconds(250);

    public string Name { get; } = name;

    public string? Version => typeof(ReferenceDevice).Assembly.GetName().Version?.ToString(3);

    public TargetRole Role => TargetRole.Device;

    public string Transport => "vhost-user";

    public string? Digest => null;

    public IReadOnlyList<string>? Claims => null;

    public bool CanRestart => true;

    public ITargetInstance Start(TargetPlace place, CancellationToken cancellation)
    {
        ReferenceOptions options = new()
        {
            Socket = Path.Combine(place.Folder, "device.sock"),
            Uds = Path.Combine(place.Folder, "host.sock"),
            GuestCid = place.GuestCid,
            CloseTimeout = CloseTimeout,
        };
        ConcurrentQueue<string> lines = new();
        return new Instance(options, ReferenceDevice.Start(options, parts(), lines.Enqueue), lines);
    }

    private sealed class Instance(ReferenceOptions options, ReferenceDevice device, ConcurrentQueue<string> lines) : IVhostUserInstance
    {
        public string Socket => options.Socket!;

        public string Uds => options.Uds;

        public ulong GuestCid => options.GuestCid;

        public int? ProcessId => null;

        public bool HasExited => device.Fault is not null;

        public string? ExitStatus => device.Fault is { } fault ? $"an exception: {fault.Message}" : null;

        public IReadOnlyList<string> LastLines => [.. lines.TakeLast(20)];

        public void Dispose() => device.Dispose();
    }
}
