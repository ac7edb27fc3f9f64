using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Transports;

/// <content>
/// The rings. No request starts or stops a queue by itself: each changes what is known of its ring, and <see cref="UpdateQueue"/> makes the
/// queue follow.
/// </content>
public sealed partial class VhostUserBackEnd
{
    private const uint MaxRingSize = 32768;

    /// <summary>The base of a packed ring at its beginning: both indices 0, both wrap counters set.</summary>
    private const uint NewPackedRing = 0x8000_8000;

    /// <summary>The features that decide how a ring is laid out and used.</summary>
    private const VirtioFeatures RingFeatures =
        VirtioFeatures.RingPacked | VirtioFeatures.EventIdx | VirtioFeatures.IndirectDesc | VirtioFeatures.InOrder;

    private bool Packed => accepted.HasFlag(VirtioFeatures.RingPacked);

    private Answer ServeRing(VhostUserRequest request, ReceivedMessage message)
    {
        ReadOnlySpan<byte> payload = message.Payload;
        bool withDescriptor = request is VhostUserRequest.SetVringKick or VhostUserRequest.SetVringCall or VhostUserRequest.SetVringErr;
        uint index = withDescriptor ? VringDescriptor.Of(MemoryMarshal.Read<ulong>(payload)).Index : MemoryMarshal.Read<uint>(payload);
        if (index >= (uint)rings.Length)
        {
            string defect = $"ring {index} of {rings.Length}";
            return request == VhostUserRequest.GetVringBase ? Answer.Abort(defect) : Answer.Refuse(defect);
        }

        BackEndRing ring = rings[index];
        return request switch
        {
            VhostUserRequest.SetVringNum => SetVringNum(ring, VringState.Read(payload).Number),
            VhostUserRequest.SetVringAddr => SetVringAddr(ring, VringAddress.Read(payload)),
            VhostUserRequest.SetVringBase => SetVringBase(ring, VringState.Read(payload).Number),
            VhostUserRequest.GetVringBase => GetVringBase(ring),
            VhostUserRequest.SetVringEnable => SetVringEnable(ring, VringState.Read(payload).Number),
            VhostUserRequest.VringKick => VringKick(ring),
            _ => SetVringDescriptor(request, ring, VringDescriptor.Of(MemoryMarshal.Read<ulong>(payload)), message),
        };
    }

    private Answer SetVringNum(BackEndRing ring, uint size)
    {
        if (size is 0 or > MaxRingSize || (!Packed && !BitOperations.IsPow2(size)))
        {
            return Answer.Refuse($"size {size} is not {(Packed ? "" : "a power of two ")}between 1 and {MaxRingSize}");
        }

        SetUpAnew(ring);
        ring.Size = size;
        return Answer.DoneUnless(UpdateQueue(ring));
    }

    private Answer SetVringAddr(BackEndRing ring, VringAddress address)
    {
        if (memory is not null && AddressDefect(ring.Size, address) is { } defect)
        {
            return Answer.Refuse(defect);
        }

        // The same addresses with another logging flag come while the ring is processed when a migration begins or is given up.
        if (ring.Address is not { } known || known with { Flags = address.Flags, Log = address.Log } != address)
        {
            SetUpAnew(ring);
        }

        ring.Address = address;
        if (ring.Running is { } queue)
        {
            Show(ring, queue);
        }

        return Answer.DoneUnless(UpdateQueue(ring));
    }

    private Answer SetVringBase(BackEndRing ring, uint value)
    {
        if (!Packed && value > ushort.MaxValue)
        {
            return Answer.Refuse($"base {value} of a split ring does not fit into 16 bits");
        }

        SetUpAnew(ring);
        ring.Base = rules.StartBase(ring.Index, value);
        return Answer.DoneUnless(UpdateQueue(ring));
    }

    private Answer GetVringBase(BackEndRing ring)
    {
        uint position = ring.Running?.Ring.Base ?? ring.Base;
        if (rules.StopsOnGetVringBase)
        {
            StopQueue(ring);
            Unwatch(ring);
            ring.Stop();
            position = ring.Base;
        }

        byte[] payload = new byte[VringState.Size];
        new VringState((uint)ring.Index, rules.StopBase(ring.Index, position)).Write(payload);
        return new Answer(payload, null);
    }

    private Answer SetVringEnable(BackEndRing ring, uint number)
    {
        if (number > 1)
        {
            return Answer.Refuse($"{number} is neither 0 nor 1");
        }

        if (rules.HonoursEnable(ring.Index, number == 1, ring.Running is not null))
        {
            Enable(ring, number == 1);
        }

        return Answer.DoneUnless(UpdateQueue(ring));
    }

    private Answer VringKick(BackEndRing ring)
    {
        if (ring.Running is { } queue)
        {
            handler.QueueKicked(queue);
            return Answer.Done;
        }

        ring.Kicked = true;
        return Answer.DoneUnless(UpdateQueue(ring));
    }

    private Answer SetVringDescriptor(VhostUserRequest request, BackEndRing ring, VringDescriptor payload, ReceivedMessage message)
    {
        if (message.Descriptors.Count != (payload.HasDescriptor ? 1 : 0))
        {
            return Answer.Refuse($"{message.Descriptors.Count} descriptors, bit 8 is {(payload.HasDescriptor ? "clear" : "set")}");
        }

        if (ring.Running is not null && !rules.ReplacesDescriptors)
        {
            return Answer.Done;
        }

        EventFd? descriptor = payload.HasDescriptor ? new EventFd(Keep(message.Descriptors[0])) : null;
        EventFd? old;
        switch (request)
        {
            case VhostUserRequest.SetVringKick:
                if (descriptor is not null && UseForKicks(descriptor) is { } defect)
                {
                    descriptor.Dispose();
                    return Answer.Refuse(defect);
                }

                Unwatch(ring);
                old = ring.Kick;
                ring.Kick = descriptor;
                ring.Polled = descriptor is null && rules.PollsWithoutKick;
                Watch(ring);
                break;
            case VhostUserRequest.SetVringCall:
                old = ring.Call;
                ring.Call = descriptor;
                break;
            default:
                old = ring.Error;
                ring.Error = descriptor;
                break;
        }

        if (ring.Running is { } queue)
        {
            Show(ring, queue);
            handler.QueueChanged(queue);
        }

        // The handler has let go of the old one only now.
        old?.Dispose();
        return Answer.DoneUnless(UpdateQueue(ring));
    }

    private void Enable(BackEndRing ring, bool enable)
    {
        if (ring.Enabled != enable)
        {
            ring.Enabled = enable;
            if (ring.Running is { } queue)
            {
                Show(ring, queue);
                handler.QueueChanged(queue);
            }
        }
    }

    /// <summary>
    /// Size, base and addresses belong to a stopped ring. A front end that changes them on a started one (user-mode Linux does when its driver
    /// is bound again) sets the ring up anew: it stops, and starts with its next kick descriptor or kick.
    /// </summary>
    private void SetUpAnew(BackEndRing ring)
    {
        if (ring.Running is not null)
        {
            StopQueue(ring);
            ring.Stop();
        }
    }

    private string? UpdateAllQueues()
    {
        string? defect = null;
        foreach (BackEndRing ring in rings)
        {
            defect ??= UpdateQueue(ring);
        }

        return defect;
    }

    /// <summary>Starts a queue that has become ready; returns why it cannot be started although the front end has.</summary>
    private string? UpdateQueue(BackEndRing ring)
    {
        if (ring.Running is not null ||
            (rules.WaitsForKick && !ring.IsStarted) ||
            (ring.Call is null && !rules.ServesWithoutCall) ||
            memory is null ||
            ring.Size == 0 ||
            ring.Address is not { } address ||
            (rules.WaitsForDriverOk && LacksDriverOk))
        {
            return null;
        }

        if (!Packed && !BitOperations.IsPow2(ring.Size))
        {
            return $"size {ring.Size} of a split ring is not a power of two";
        }

        if (AddressDefect(ring.Size, address) is { } defect)
        {
            return defect;
        }

        BackEndQueue queue;
        try
        {
            RingSetup setup = SetupOf(ring, address);
            if (Packed && ring.Base == 0 && !IsInItsSecondTurn(setup))
            {
                ring.Base = NewPackedRing;
            }

            queue = new BackEndQueue { Index = ring.Index, Ring = createRing(memory, setup, ring.Base), Session = this };
        }
        catch (Exception e) when (e is GuestMemoryException or RingSetupException)
        {
            return e.Message;
        }

        Unwatch(ring);
        ring.Running = queue;
        Show(ring, queue);
        handler.QueueStarted(queue);
        SendNoticesUnlessSuspended();
        return null;
    }

    private void StopQueue(BackEndRing ring)
    {
        if (ring.Running is { } queue)
        {
            handler.QueueStopped(queue);
            ring.Base = queue.Ring.Base;
            ring.Running = null;
        }
    }

    private void StopAllQueues()
    {
        foreach (BackEndRing ring in rings)
        {
            StopQueue(ring);
        }
    }

    /// <summary>
    /// Base 0 says of a packed ring that it has gone round exactly once: both wrap counters are clear. User-mode Linux says it of every new
    /// ring. The first descriptor tells: a ring that has gone round was used there, and so has USED set.
    /// </summary>
    private bool IsInItsSecondTurn(RingSetup setup)
    {
        const ushort Used = 1 << 15;
        const uint FlagsOffset = 14;
        return (BinaryPrimitives.ReadUInt16LittleEndian(memory!.Slice(setup.DescriptorArea + FlagsOffset, sizeof(ushort))) & Used) != 0;
    }

    private static void Show(BackEndRing ring, BackEndQueue queue)
    {
        queue.Kick = ring.Kick;
        queue.Call = ring.Call;
        queue.Error = ring.Error;
        queue.Polled = ring.Polled;
        queue.Enabled = ring.Enabled;
        queue.LogAddress = ring.Address is { } address && (address.Flags & VringAddress.LogsUsedRing) != 0 ? address.Log : null;
    }

    private RingSetup SetupOf(BackEndRing ring, VringAddress address)
    {
        rules.TryTranslateRing(memory!, address.Descriptor, out ulong descriptor);
        rules.TryTranslateRing(memory!, address.Available, out ulong driver);
        rules.TryTranslateRing(memory!, address.Used, out ulong device);
        return new RingSetup(
            Packed ? RingLayout.Packed : RingLayout.Split,
            (ushort)ring.Size,
            descriptor,
            driver,
            device,
            EventIdx: accepted.HasFlag(VirtioFeatures.EventIdx),
            Indirect: accepted.HasFlag(VirtioFeatures.IndirectDesc),
            InOrder: accepted.HasFlag(VirtioFeatures.InOrder));
    }

    /// <summary>
    /// Each part of a ring lies inside one region, aligned as virtio 1.4 sections 2.7 and 2.8 ask for. With size 0 (not yet said) only the first
    /// bytes are looked at.
    /// </summary>
    private string? AddressDefect(uint size, VringAddress address)
    {
        uint descriptors = 16 * Math.Max(1, size);
        uint driver = Packed ? 4 : 6 + (2 * size);
        uint device = DeviceAreaBytes(Packed, size);
        return PartDefect("descriptor area", address.Descriptor, descriptors, 16) ??
            PartDefect("driver area", address.Available, driver, Packed ? 4u : 2u) ??
            PartDefect("device area", address.Used, device, 4);
    }

    private static uint DeviceAreaBytes(bool packed, uint size) => packed ? 4 : 6 + (8 * size);

    private string? PartDefect(string part, ulong userAddress, uint length, uint alignment)
    {
        if (!rules.TryTranslateRing(memory!, userAddress, out ulong guestAddress) || !memory!.TrySlice(guestAddress, length, out _))
        {
            return $"{part} at 0x{userAddress:x}, {length} bytes, is not inside a memory region";
        }

        return guestAddress % alignment == 0 ? null : $"{part} at guest address 0x{guestAddress:x} is not aligned to {alignment}";
    }

    private bool LacksDriverOk => status.HasFlag(DeviceStatus.Driver) && !status.HasFlag(DeviceStatus.DriverOk);

    /// <summary>Every message that the front end sent before such a kick has been served by now.</summary>
    private void TellEarlyKicks()
    {
        foreach (BackEndRing ring in rings)
        {
            if (ring.KickedEarly)
            {
                ring.KickedEarly = false;
                if (LacksDriverOk)
                {
                    handler.QueueKickedEarly(ring.Index);
                }
            }
        }
    }

    private void StartKickedRings()
    {
        Span<EpollEvent> ready = stackalloc EpollEvent[rings.Length + 2];
        int count = watch.Wait(ready, 0);
        foreach (EpollEvent entry in ready[..count])
        {
            if (entry.Token >= NoRingTag)
            {
                continue;
            }

            // The counter is left for the handler: what it says is true of the queue from its start.
            BackEndRing ring = rings[(int)entry.Token];
            Unwatch(ring);
            ring.Kicked = true;
            ring.KickedEarly = LacksDriverOk;
            if (UpdateQueue(ring) is { } defect)
            {
                log?.Invoke($"{VsockQueue.Name(ring.Index)} was kicked and cannot start: {defect}");
                if (rules.SignalsErrors)
                {
                    ring.Error?.Signal();
                }
            }
        }
    }

    /// <summary>Makes sure that a kick descriptor can be read without blocking and be watched, here and by the handler.</summary>
    private string? UseForKicks(EventFd descriptor)
    {
        try
        {
            descriptor.DoNotBlock();
            watch.Add(descriptor.Fd, EpollEvents.Readable, NoRingTag);
            watch.Remove(descriptor.Fd);
            return null;
        }
        catch (ErrnoException e)
        {
            return $"the descriptor cannot be watched: {e.Message}";
        }
    }

    /// <summary>Looks out for the first kick of a ring. Afterwards the kick descriptor is the handler's to watch.</summary>
    private void Watch(BackEndRing ring)
    {
        if (ring.Kick is not null && !ring.Kicked && !ring.Watched && ring.Running is null)
        {
            watch.Add(ring.Kick.Fd, EpollEvents.Readable, (ulong)ring.Index);
            ring.Watched = true;
        }
    }

    private void Unwatch(BackEndRing ring)
    {
        if (ring.Watched)
        {
            ring.Watched = false;
            watch.Remove(ring.Kick!.Fd);
        }
    }

    private void SendNoticesUnlessSuspended()
    {
        if (Array.Exists(rings, ring => ring.Running is not null))
        {
            notices.Send();
        }
    }
}
