using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>A second guest, on a device of its own, and the host application's side of that. Lives as long as the case.</summary>
public sealed class GuestSide : IDisposable
{
    private readonly ITargetInstance target;
    private readonly GuestWire? wire;
    private readonly InstanceFolder folder;
    private readonly Guest guest;
    private bool disposed;

    private GuestSide(ITargetInstance target, GuestWire? wire, InstanceFolder folder, Guest guest, IHostPeer host)
    {
        this.target = target;
        this.wire = wire;
        this.folder = folder;
        this.guest = guest;
        Host = host;
    }

    public AgentClient Agent => guest.Agent;

    public IHostPeer Host { get; }

    public ulong GuestCid => target.GuestCid;

    public void Dispose()
    {
        if (disposed)
        {
            return;
        }

        disposed = true;
        Host.Dispose();
        guest.Dispose();
        wire?.Dispose();
        target.Dispose();
        folder.Dispose();
    }

    internal static GuestSide Boot(IDeviceTarget target, ulong guestCid, IGuestSource source, Timeline timeline, CancellationToken cancellation)
    {
        InstanceFolder folder = InstanceFolder.Create();
        ITargetInstance? instance = null;
        GuestWire? wire = null;
        Guest? guest = null;
        try
        {
            instance = target.Start(new TargetPlace(folder.Path, guestCid), cancellation);
            wire = GuestWire.On(instance);
            guest = source.Boot(wire?.Device ?? GuestVsock.Of(instance), cancellation);
            return new GuestSide(instance, wire, folder, guest, instance.OpenHost(timeline));
        }
        catch
        {
            guest?.Dispose();
            wire?.Dispose();
            instance?.Dispose();
            folder.Dispose();
            throw;
        }
    }
}
