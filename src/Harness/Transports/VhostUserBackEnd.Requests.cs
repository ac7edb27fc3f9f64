using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Wire;

namespace Vsockspec.Transports;

/// <content>The requests.</content>
public sealed partial class VhostUserBackEnd
{
    private const int Any = -1;
    private const int Unknown = -2;

    private readonly List<MemoryRegion> regions = [];
    private GuestMemory? memory;

    private Answer Serve(ReceivedMessage message)
    {
        VhostUserRequest request = (VhostUserRequest)message.Header.Request;
        ReadOnlySpan<byte> payload = message.Payload;
        int descriptors = message.Descriptors.Count;
        if (ShapeDefect(request, payload, descriptors) is { } defect)
        {
            return VhostUserRequests.HasReply(request) ? Answer.Abort(defect) : Answer.Refuse(defect);
        }

        switch (request)
        {
            case VhostUserRequest.GetFeatures:
                return Answer.Of((ulong)Offered);
            case VhostUserRequest.SetFeatures:
                return SetFeatures((VirtioFeatures)MemoryMarshal.Read<ulong>(payload));
            case VhostUserRequest.SetOwner or VhostUserRequest.ResetOwner:
                return Answer.Done;
            case VhostUserRequest.GetProtocolFeatures:
                return Answer.Of((ulong)rules.ProtocolFeatures);
            case VhostUserRequest.SetProtocolFeatures:
                return SetProtocolFeatures((VhostUserProtocolFeatures)MemoryMarshal.Read<ulong>(payload));
            case VhostUserRequest.GetQueueNum:
                return Answer.Of(rules.QueueCount(rings.Length));
            case VhostUserRequest.SetMemTable:
                return SetMemTable(message);
            case VhostUserRequest.GetMaxMemSlots:
                return Answer.Of(rules.MaxMemSlots);
            case VhostUserRequest.AddMemReg:
                return AddMemReg(message);
            case VhostUserRequest.RemMemReg:
                return RemMemReg(VhostUserRegion.Read(payload[VhostUserRegion.Prefix..]));
            case VhostUserRequest.GetConfig:
                return GetConfig(payload);
            case VhostUserRequest.SetConfig:
                return SetConfig(payload);
            case VhostUserRequest.SetBackendReqFd:
                notices.Open(new UnixStream(Keep(message.Descriptors[0])));
                return Answer.Done;
            case VhostUserRequest.SetLogBase:
                return SetLogBase(message);
            case VhostUserRequest.SetLogFd:
                return SetLogFd(message);
            case VhostUserRequest.ResetDevice:
                if (rules.ResetsDevice)
                {
                    ResetDevice();
                }

                return Answer.Done;
            case VhostUserRequest.SetStatus:
                return SetStatus(MemoryMarshal.Read<ulong>(payload));
            case VhostUserRequest.GetStatus:
                return Answer.Of((ulong)status);
            default:
                return ServeRing(request, message);
        }
    }

    /// <summary>Payload size and number of descriptors, and for requests of a protocol feature that it was negotiated.</summary>
    private string? ShapeDefect(VhostUserRequest request, ReadOnlySpan<byte> payload, int descriptors)
    {
        (int size, int fds) = request switch
        {
            VhostUserRequest.GetFeatures or VhostUserRequest.GetProtocolFeatures or VhostUserRequest.GetQueueNum => (0, 0),
            VhostUserRequest.GetMaxMemSlots or VhostUserRequest.GetStatus or VhostUserRequest.ResetDevice => (0, 0),
            VhostUserRequest.SetOwner or VhostUserRequest.ResetOwner => (0, 0),
            VhostUserRequest.SetBackendReqFd or VhostUserRequest.SetLogFd => (0, 1),
            VhostUserRequest.SetLogBase => (VhostUserLog.Size, 1),
            VhostUserRequest.SetFeatures or VhostUserRequest.SetProtocolFeatures or VhostUserRequest.SetStatus => (sizeof(ulong), 0),
            VhostUserRequest.SetVringNum or VhostUserRequest.SetVringBase or VhostUserRequest.GetVringBase => (VringState.Size, 0),
            VhostUserRequest.SetVringEnable or VhostUserRequest.VringKick => (VringState.Size, 0),
            VhostUserRequest.SetVringAddr => (VringAddress.Size, 0),
            VhostUserRequest.SetVringKick or VhostUserRequest.SetVringCall or VhostUserRequest.SetVringErr => (sizeof(ulong), Any),
            VhostUserRequest.AddMemReg => (VhostUserRegion.Prefix + VhostUserRegion.Size, 1),

            // Some front ends send the region's descriptor with its removal; it is closed unused.
            VhostUserRequest.RemMemReg => (VhostUserRegion.Prefix + VhostUserRegion.Size, descriptors == 1 ? 1 : 0),

            // Their sizes follow from the contents.
            VhostUserRequest.SetMemTable => (Any, Any),
            VhostUserRequest.GetConfig or VhostUserRequest.SetConfig => (Any, 0),
            _ => (Unknown, 0),
        };
        if (size == Unknown)
        {
            return "unknown request";
        }

        if (MissingFeature(request) is { } missing)
        {
            return missing;
        }

        if (size != Any && payload.Length != size)
        {
            return $"payload of {payload.Length} bytes, expected {size}";
        }

        return fds != Any && descriptors != fds ? $"{descriptors} descriptors, expected {fds}" : null;
    }

    /// <summary>The document ties some requests to a protocol feature that was negotiated, others to one that was offered.</summary>
    private string? MissingFeature(VhostUserRequest request)
    {
        VhostUserProtocolFeatures offered = request switch
        {
            VhostUserRequest.SetBackendReqFd => VhostUserProtocolFeatures.BackendReq,
            VhostUserRequest.ResetDevice => VhostUserProtocolFeatures.ResetDevice,
            VhostUserRequest.GetQueueNum => VhostUserProtocolFeatures.Mq,
            _ => VhostUserProtocolFeatures.None,
        };
        VhostUserProtocolFeatures negotiated = request switch
        {
            VhostUserRequest.AddMemReg or VhostUserRequest.RemMemReg => VhostUserProtocolFeatures.ConfigureMemSlots,
            VhostUserRequest.GetMaxMemSlots => VhostUserProtocolFeatures.ConfigureMemSlots,
            VhostUserRequest.GetConfig or VhostUserRequest.SetConfig => VhostUserProtocolFeatures.Config,
            VhostUserRequest.SetStatus or VhostUserRequest.GetStatus => VhostUserProtocolFeatures.Status,
            VhostUserRequest.VringKick => VhostUserProtocolFeatures.InbandNotifications,
            VhostUserRequest.SetLogBase or VhostUserRequest.SetLogFd => VhostUserProtocolFeatures.LogShmFd,
            _ => VhostUserProtocolFeatures.None,
        };
        if (!rules.ProtocolFeatures.HasFlag(offered))
        {
            return $"protocol feature {offered} was not offered";
        }

        return Has(negotiated) ? null : $"protocol feature {negotiated} was not negotiated";
    }

    private VirtioFeatures Offered => rules.OfferedFeatures(handler.OfferedFeatures);

    private Answer SetFeatures(VirtioFeatures features)
    {
        if (!rules.AcceptsFeatures(features, Offered))
        {
            return Answer.Refuse($"features 0x{(ulong)(features & ~Offered):x} were not offered");
        }

        if ((features & RingFeatures) != (accepted & RingFeatures) && Array.Exists(rings, ring => ring.Running is not null))
        {
            return Answer.Refuse("the layout of the rings cannot change while one is processed");
        }

        accepted = features;
        featuresSet = true;
        handler.FeaturesAccepted(features & ~VirtioFeatures.VhostUserProtocolFeatures);
        if (!features.HasFlag(VirtioFeatures.VhostUserProtocolFeatures) && rules.EnablesRingsWithoutProtocolFeatures)
        {
            foreach (BackEndRing ring in rings)
            {
                Enable(ring, true);
            }
        }

        return Answer.DoneUnless(UpdateAllQueues());
    }

    private Answer SetProtocolFeatures(VhostUserProtocolFeatures features)
    {
        if ((features & ~rules.ProtocolFeatures) != 0)
        {
            return Answer.Refuse($"protocol features {features & ~rules.ProtocolFeatures} were not offered");
        }

        if (!rules.AcceptsProtocolFeatures(features))
        {
            return Answer.Abort("in-band notifications need the back-end channel and acknowledgements");
        }

        ProtocolFeatures = features;
        return Answer.Done;
    }

    private Answer GetConfig(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < VhostUserConfigAccess.Size)
        {
            return Answer.Abort($"payload of {payload.Length} bytes, expected at least {VhostUserConfigAccess.Size}");
        }

        return new Answer(rules.ConfigReply(VhostUserConfigAccess.Read(payload), handler.Config), null);
    }

    private Answer SetConfig(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < VhostUserConfigAccess.Size || VhostUserConfigAccess.Read(payload).Length != payload.Length - VhostUserConfigAccess.Size)
        {
            return Answer.Refuse($"payload of {payload.Length} bytes does not fit the length that it names");
        }

        return rules.AcceptsConfigWrite(VhostUserConfigAccess.Read(payload)) ? Answer.Done : Answer.Refuse("the configuration space is read-only");
    }

    private Answer SetStatus(ulong value)
    {
        if (value > byte.MaxValue)
        {
            return Answer.Refuse($"0x{value:x} does not fit into eight bits");
        }

        DeviceStatus next = (DeviceStatus)value;
        handler.StatusSet(next);
        if (next == DeviceStatus.None)
        {
            ResetDevice();
            return Answer.Done;
        }

        // A device that cannot work with the features says so by clearing FEATURES_OK (virtio 1.4 section 3.1.1); we took all that
        // SET_FEATURES was allowed to set, so only their absence counts.
        if (next.HasFlag(DeviceStatus.FeaturesOk) && !featuresSet)
        {
            next &= ~DeviceStatus.FeaturesOk;
        }

        status = next | (status & DeviceStatus.NeedsReset);
        return Answer.DoneUnless(UpdateAllQueues());
    }

    private void ResetDevice()
    {
        StopAllQueues();
        foreach (BackEndRing ring in rings)
        {
            Unwatch(ring);
            ring.Reset(!rules.StartsDisabled);
        }

        accepted = VirtioFeatures.None;
        featuresSet = false;
        status = DeviceStatus.None;
        handler.Reset();
    }

    private Answer SetMemTable(ReceivedMessage message)
    {
        ReadOnlySpan<byte> payload = message.Payload;
        uint count = payload.Length < VhostUserRegion.Prefix ? 0 : MemoryMarshal.Read<uint>(payload);
        if (payload.Length < VhostUserRegion.Prefix || count > VhostUserRegion.MaxInTable)
        {
            return Answer.Refuse($"{count} regions in a payload of {payload.Length} bytes");
        }

        // User-mode Linux sends a table of two slots whatever the count.
        int needed = VhostUserRegion.Prefix + ((int)count * VhostUserRegion.Size);
        if (payload.Length < needed || payload.Length > VhostUserRegion.Prefix + (VhostUserRegion.MaxInTable * VhostUserRegion.Size))
        {
            return Answer.Refuse($"payload of {payload.Length} bytes for {count} regions");
        }

        if (message.Descriptors.Count != count)
        {
            return Answer.Refuse($"{message.Descriptors.Count} descriptors for {count} regions");
        }

        List<MemoryRegion> table = [];
        for (int i = 0; i < (int)count; i++)
        {
            VhostUserRegion described = VhostUserRegion.Read(payload[(VhostUserRegion.Prefix + (i * VhostUserRegion.Size))..]);
            if (Map(described, message.Descriptors[i], table) is { } defect)
            {
                table.ForEach(region => region.Dispose());
                return Answer.Refuse($"region {i}: {defect}");
            }
        }

        UseMemory(table);
        return Answer.Done;
    }

    private Answer AddMemReg(ReceivedMessage message)
    {
        if ((ulong)regions.Count >= rules.MaxMemSlots)
        {
            return Answer.Refuse($"all {rules.MaxMemSlots} memory slots are taken");
        }

        List<MemoryRegion> table = [.. regions];
        if (Map(VhostUserRegion.Read(message.Payload[VhostUserRegion.Prefix..]), message.Descriptors[0], table) is { } defect)
        {
            return Answer.Refuse(defect);
        }

        UseMemory(table);
        return Answer.Done;
    }

    private Answer RemMemReg(VhostUserRegion described)
    {
        int index = regions.FindIndex(region =>
            region.GuestAddress == described.GuestAddress &&
            region.UserAddress == described.UserAddress &&
            region.Size == described.Length);
        if (index < 0)
        {
            return Answer.Refuse(
                $"no region at guest address 0x{described.GuestAddress:x}, user address 0x{described.UserAddress:x}, size 0x{described.Length:x}");
        }

        List<MemoryRegion> table = [.. regions];
        table.RemoveAt(index);
        UseMemory(table);
        return Answer.Done;
    }

    /// <summary>Maps a region and appends it to the table, unless it overlaps one that is there.</summary>
    private string? Map(VhostUserRegion described, SafeFileHandle file, List<MemoryRegion> table)
    {
        described = rules.Region(described);
        foreach (MemoryRegion other in table)
        {
            if (Overlaps(described.GuestAddress, described.Length, other.GuestAddress, other.Size))
            {
                return $"overlaps the region at guest address 0x{other.GuestAddress:x}";
            }

            if (Overlaps(described.UserAddress, described.Length, other.UserAddress, other.Size))
            {
                return $"overlaps the region at user address 0x{other.UserAddress:x}";
            }
        }

        try
        {
            table.Add(MemoryRegion.Map(Keep(file), described.GuestAddress, described.UserAddress, described.Length, described.MmapOffset));
            return null;
        }
        catch (Exception e) when (e is GuestMemoryException or IOException or NotSupportedException)
        {
            return e.Message;
        }
    }

    private static bool Overlaps(ulong a, ulong aLength, ulong b, ulong bLength) => a - b < bLength || b - a < aLength;

    /// <summary>
    /// Moves everything to a new memory table: queues that run are stopped and go on at their position, on rings in the new memory. A queue
    /// whose ring is not in it stays stopped until it gets new addresses. A disabled one waits for its next kick: when its driver is unbound,
    /// user-mode Linux disables rings and leaves them started, and what was a ring is other memory when it sends its table again.
    /// </summary>
    private void UseMemory(List<MemoryRegion> table)
    {
        StopAllQueues();
        memory = new GuestMemory(table);
        handler.MemoryChanged(memory);
        foreach (MemoryRegion old in regions.Except(table).ToArray())
        {
            old.Dispose();
        }

        regions.Clear();
        regions.AddRange(table);
        foreach (BackEndRing ring in rings)
        {
            if (!ring.Enabled)
            {
                ring.Kicked = false;
                Watch(ring);
            }

            if (UpdateQueue(ring) is { } defect)
            {
                log?.Invoke($"{VsockQueue.Name(ring.Index)} stays stopped on the new memory: {defect}");
            }
        }
    }

    /// <summary>A message closes its descriptors when it is done with; what is kept is taken from it.</summary>
    private static SafeFileHandle Keep(SafeFileHandle received)
    {
        SafeFileHandle kept = new(received.DangerousGetHandle(), ownsHandle: true);
        received.SetHandleAsInvalid();
        return kept;
    }
}
