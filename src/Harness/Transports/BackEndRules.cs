using Vsockspec.Memory;
using Vsockspec.Wire;

namespace Vsockspec.Transports;

/// <summary>
/// The decisions of a back end that a front end can see, one member each. As they stand they are what the protocol asks for; a
/// back end that is to be wrong in one point overrides that point.
/// </summary>
public class BackEndRules
{
    /// <summary>
    /// What is offered. Not INFLIGHT_SHMFD: vsock packets have effects on connections that do not survive the back end, so there is
    /// nothing that could honestly be resubmitted.
    /// </summary>
    public virtual VhostUserProtocolFeatures ProtocolFeatures =>
        VhostUserProtocolFeatures.Mq |
        VhostUserProtocolFeatures.LogShmFd |
        VhostUserProtocolFeatures.ReplyAck |
        VhostUserProtocolFeatures.BackendReq |
        VhostUserProtocolFeatures.Config |
        VhostUserProtocolFeatures.ResetDevice |
        VhostUserProtocolFeatures.InbandNotifications |
        VhostUserProtocolFeatures.ConfigureMemSlots |
        VhostUserProtocolFeatures.Status;

    /// <summary>The answer to GET_MAX_MEM_SLOTS.</summary>
    public virtual ulong MaxMemSlots => 64;

    /// <summary>The answer to GET_FEATURES.</summary>
    public virtual VirtioFeatures OfferedFeatures(VirtioFeatures device) =>
        device | VirtioFeatures.VhostUserProtocolFeatures | VirtioFeatures.VhostLogAll;

    /// <summary>The answer to GET_QUEUE_NUM.</summary>
    public virtual ulong QueueCount(int device) => (ulong)device;

    /// <summary>The header of a reply: same request, version 1, reply bit.</summary>
    public virtual VhostUserHeader ReplyHeader(VhostUserHeader request, uint size) =>
        new(request.Request, VhostUserHeader.Version | VhostUserHeader.Reply, size);

    /// <summary>Whether a request without an answer of its own is acknowledged.</summary>
    /// <param name="negotiated">REPLY_ACK holds, be it by this very request.</param>
    public virtual bool Acknowledges(VhostUserHeader request, bool negotiated) => negotiated && (request.Flags & VhostUserHeader.NeedReply) != 0;

    /// <summary>The u64 of an acknowledgement: zero for success.</summary>
    public virtual ulong Status(VhostUserRequest request, bool success) => success ? 0u : 1u;

    /// <summary>Whether a message is served at all, or dropped in silence.</summary>
    public virtual bool Serves(VhostUserRequest request) => true;

    /// <summary>The payload of the answer to GET_CONFIG: empty for a range that is not there.</summary>
    public virtual byte[] ConfigReply(VhostUserConfigAccess access, ReadOnlySpan<byte> config)
    {
        if (access.Length == 0 || access.Offset > (uint)config.Length || access.Length > (uint)config.Length - access.Offset)
        {
            return [];
        }

        byte[] reply = new byte[VhostUserConfigAccess.Size + (int)access.Length];
        access.Write(reply);
        config.Slice((int)access.Offset, (int)access.Length).CopyTo(reply.AsSpan(VhostUserConfigAccess.Size));
        return reply;
    }

    /// <summary>Whether SET_CONFIG is accepted. All of a vsock device's configuration is read-only for the driver, and it is not migrated.</summary>
    public virtual bool AcceptsConfigWrite(VhostUserConfigAccess access) => false;

    /// <summary>Whether a set of accepted features can be taken.</summary>
    public virtual bool AcceptsFeatures(VirtioFeatures accepted, VirtioFeatures offered) => (accepted & ~offered) == 0;

    /// <summary>SET_FEATURES without bit 30 enables all rings at once.</summary>
    public virtual bool EnablesRingsWithoutProtocolFeatures => true;

    /// <summary>In-band notifications without a back-end channel and acknowledgements: the connection is closed.</summary>
    public virtual bool AcceptsProtocolFeatures(VhostUserProtocolFeatures accepted)
    {
        const VhostUserProtocolFeatures Needed = VhostUserProtocolFeatures.BackendReq | VhostUserProtocolFeatures.ReplyAck;
        return !accepted.HasFlag(VhostUserProtocolFeatures.InbandNotifications) || (accepted & Needed) == Needed;
    }

    /// <summary>A memory region as the back end understands its description.</summary>
    public virtual VhostUserRegion Region(VhostUserRegion described) => described;

    /// <summary>The guest-physical address of a part of a ring, which comes as an address of the front end's.</summary>
    public virtual bool TryTranslateRing(GuestMemory memory, ulong userAddress, out ulong guestAddress) =>
        memory.TryFromUserAddress(userAddress, out guestAddress);

    /// <summary>Where a ring starts after SET_VRING_BASE.</summary>
    public virtual uint StartBase(int ring, uint requested) => requested;

    /// <summary>What GET_VRING_BASE answers.</summary>
    public virtual uint StopBase(int ring, uint position) => position;

    /// <summary>GET_VRING_BASE stops the ring.</summary>
    public virtual bool StopsOnGetVringBase => true;

    /// <summary>A ring without a kick descriptor is polled.</summary>
    public virtual bool PollsWithoutKick => true;

    /// <summary>A new ring is disabled when bit 30 was accepted.</summary>
    public virtual bool StartsDisabled => true;

    /// <summary>SET_VRING_ENABLE changes the ring; <paramref name="started"/> when it is being processed.</summary>
    public virtual bool HonoursEnable(int ring, bool enable, bool started) => true;

    /// <summary>A descriptor of a started ring can be replaced.</summary>
    public virtual bool ReplacesDescriptors => true;

    /// <summary>RESET_DEVICE stops the rings and forgets the device's state.</summary>
    public virtual bool ResetsDevice => true;

    /// <summary>
    /// No ring is processed before DRIVER_OK (virtio 1.4 section 2.1.2), where the front end passes the driver's status on. QEMU's
    /// vhost-user-vsock negotiates STATUS and then sets FEATURES_OK only, so the rule begins to hold with DRIVER.
    /// </summary>
    public virtual bool WaitsForDriverOk => true;

    /// <summary>
    /// A ring is processed once it was kicked, or has no kick descriptor (vhost-user.rst, ring states), not as soon as it is set up.
    /// </summary>
    public virtual bool WaitsForKick => true;

    /// <summary>A ring without a call descriptor is processed: the front end polls.</summary>
    public virtual bool ServesWithoutCall => true;

    /// <summary>A ring that cannot be followed sets DEVICE_NEEDS_RESET (virtio 1.4 section 2.1.2).</summary>
    public virtual bool AsksForReset => true;

    /// <summary>How many of the bytes that were written into a chain are logged as written.</summary>
    public virtual uint LoggedBytes(uint written) => written;

    /// <summary>Writes to the used ring are logged where the front end asked for that.</summary>
    public virtual bool LogsUsedRing => true;

    /// <summary>A ring that cannot be followed is reported on its error descriptor.</summary>
    public virtual bool SignalsErrors => true;
}
