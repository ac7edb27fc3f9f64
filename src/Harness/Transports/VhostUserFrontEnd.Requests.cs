using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Wire;

namespace Vsockspec.Transports;

/// <content>One method for each request that a vsock back end may see.</content>
public sealed partial class VhostUserFrontEnd
{
    public VirtioFeatures GetFeatures()
    {
        VirtioFeatures features = (VirtioFeatures)AskNumber(VhostUserRequest.GetFeatures);
        offered = features;
        return features;
    }

    public void SetFeatures(VirtioFeatures features)
    {
        SendNumber(VhostUserRequest.SetFeatures, (ulong)features);
        AcceptedFeatures = features;
    }

    public void SetOwner() => Send(VhostUserRequest.SetOwner, []);

    public void ResetOwner() => Send(VhostUserRequest.ResetOwner, []);

    /// <summary>Legal as soon as bit 30 is offered, before SET_FEATURES.</summary>
    public VhostUserProtocolFeatures GetProtocolFeatures() => (VhostUserProtocolFeatures)AskNumber(VhostUserRequest.GetProtocolFeatures);

    public void SetProtocolFeatures(VhostUserProtocolFeatures features)
    {
        // Not acknowledged by the REPLY_ACK that this very message negotiates: QEMU does not ask for it either.
        CollectAcknowledgements();
        ProtocolFeatures = VhostUserProtocolFeatures.None;
        SendNumber(VhostUserRequest.SetProtocolFeatures, (ulong)features);
        ProtocolFeatures = features;
    }

    /// <summary>Replaces the whole memory table.</summary>
    public void SetMemTable(GuestMemory memory) => SetMemTable(memory.Regions);

    /// <summary>Replaces the whole memory table; any number of regions and descriptors.</summary>
    public void SetMemTable(ReadOnlySpan<VhostUserRegion> regions, ReadOnlySpan<SafeFileHandle> files)
    {
        byte[] payload = new byte[VhostUserRegion.Prefix + (regions.Length * VhostUserRegion.Size)];
        MemoryMarshal.Write(payload, (uint)regions.Length);
        for (int i = 0; i < regions.Length; i++)
        {
            regions[i].Write(payload.AsSpan(VhostUserRegion.Prefix + (i * VhostUserRegion.Size)));
        }

        Send(VhostUserRequest.SetMemTable, payload, files);
    }

    private void SetMemTable(IEnumerable<MemoryRegion> shared)
    {
        VhostUserRegion[] regions = [.. shared.Select(DescriptionOf)];
        SafeFileHandle[] files = [.. shared.Select(region => region.File)];
        SetMemTable(regions, files);
    }

    public ulong GetMaxMemSlots()
    {
        Require(VhostUserProtocolFeatures.ConfigureMemSlots, VhostUserRequest.GetMaxMemSlots);
        return AskNumber(VhostUserRequest.GetMaxMemSlots);
    }

    public void AddMemRegion(MemoryRegion region) => AddMemRegion(DescriptionOf(region), region.File);

    public void AddMemRegion(VhostUserRegion region, SafeFileHandle file)
    {
        Require(VhostUserProtocolFeatures.ConfigureMemSlots, VhostUserRequest.AddMemReg);
        SendRegion(VhostUserRequest.AddMemReg, region, [file]);
    }

    /// <summary>Identified by guest address, user address and size.</summary>
    /// <param name="file">Front ends should send none; a back end closes it.</param>
    public void RemoveMemRegion(VhostUserRegion region, SafeFileHandle? file = null)
    {
        Require(VhostUserProtocolFeatures.ConfigureMemSlots, VhostUserRequest.RemMemReg);
        SendRegion(VhostUserRequest.RemMemReg, region, file is null ? [] : [file]);
    }

    public void RemoveMemRegion(MemoryRegion region) => RemoveMemRegion(DescriptionOf(region));

    public void SetVringNum(uint index, uint size) => SendState(VhostUserRequest.SetVringNum, index, size);

    public void SetVringAddr(VringAddress address)
    {
        byte[] payload = new byte[VringAddress.Size];
        address.Write(payload);
        Send(VhostUserRequest.SetVringAddr, payload);
    }

    public void SetVringBase(uint index, uint value) => SendState(VhostUserRequest.SetVringBase, index, value);

    /// <summary>Stops the ring and returns its base.</summary>
    public uint GetVringBase(uint index)
    {
        byte[] payload = new byte[VringState.Size];
        new VringState(index, 0).Write(payload);
        using ReceivedMessage reply = Ask(VhostUserRequest.GetVringBase, payload);
        CheckReply(VhostUserRequest.GetVringBase, reply, VringState.Size);
        VringState state = VringState.Read(reply.Payload);
        return state.Index == index
            ? state.Number
            : throw Broken(VhostUserRequest.GetVringBase, reply, $"ring index {state.Index}, expected {index}");
    }

    /// <summary>Null: no descriptor, the back end polls the ring.</summary>
    public void SetVringKick(byte index, EventFd? descriptor) => SendVringDescriptor(VhostUserRequest.SetVringKick, index, descriptor);

    /// <summary>Null: no descriptor, the front end polls.</summary>
    public void SetVringCall(byte index, EventFd? descriptor) => SendVringDescriptor(VhostUserRequest.SetVringCall, index, descriptor);

    public void SetVringErr(byte index, EventFd? descriptor) => SendVringDescriptor(VhostUserRequest.SetVringErr, index, descriptor);

    public ulong GetQueueNum()
    {
        Require(VhostUserProtocolFeatures.Mq, VhostUserRequest.GetQueueNum);
        return AskNumber(VhostUserRequest.GetQueueNum);
    }

    public void SetVringEnable(uint index, bool enable)
    {
        if (!options.Force && !AcceptedFeatures.HasFlag(VirtioFeatures.VhostUserProtocolFeatures))
        {
            // As in Require: bit 30 goes with protocol features, and a back end may have withdrawn either on this connection.
            const string Need = "SET_VRING_ENABLE needs feature bit 30";
            bool couldBeAccepted = offered is not { } features ||
                (features.HasFlag(VirtioFeatures.VhostUserProtocolFeatures) && ProtocolFeatures != VhostUserProtocolFeatures.None);
            throw couldBeAccepted
                ? new InvalidOperationException($"{Need} to be accepted; set Force to send it all the same")
                : new TransportException(TransportFault.Refused, $"{Need}, which the back end does not offer on this connection together with a protocol feature");
        }

        SendState(VhostUserRequest.SetVringEnable, index, enable ? 1u : 0u);
    }

    /// <summary>Null when the back end refuses the range, which it says with a payload of length zero.</summary>
    public byte[]? GetConfig(uint offset, uint length)
    {
        Require(VhostUserProtocolFeatures.Config, VhostUserRequest.GetConfig);
        if (length > VhostUserHeader.MaxPayload - VhostUserConfigAccess.Size)
        {
            throw new ArgumentOutOfRangeException(nameof(length), length, "longer than a message may be; use SendRaw");
        }

        byte[] payload = new byte[VhostUserConfigAccess.Size + (int)length];
        VhostUserConfigAccess asked = new(offset, length, 0);
        asked.Write(payload);
        using ReceivedMessage reply = Ask(VhostUserRequest.GetConfig, payload);
        CheckReply(VhostUserRequest.GetConfig, reply, (uint)payload.Length, otherSize: 0);
        if (reply.Payload.IsEmpty)
        {
            return null;
        }

        VhostUserConfigAccess answered = VhostUserConfigAccess.Read(reply.Payload);
        return answered == asked
            ? reply.Payload[VhostUserConfigAccess.Size..].ToArray()
            : throw Broken(
                VhostUserRequest.GetConfig,
                reply,
                $"offset {answered.Offset} length {answered.Length} flags {answered.Flags}, asked for offset {offset} length {length} flags 0");
    }

    /// <param name="flags">See <see cref="VhostUserConfigAccess"/>.</param>
    public void SetConfig(uint offset, ReadOnlySpan<byte> bytes, uint flags = 0)
    {
        Require(VhostUserProtocolFeatures.Config, VhostUserRequest.SetConfig);
        byte[] payload = new byte[VhostUserConfigAccess.Size + bytes.Length];
        new VhostUserConfigAccess(offset, (uint)bytes.Length, flags).Write(payload);
        bytes.CopyTo(payload.AsSpan(VhostUserConfigAccess.Size));
        Send(VhostUserRequest.SetConfig, payload);
    }

    /// <summary>Opens the channel for requests of the back end; replaces and closes one opened before.</summary>
    public BackEndChannel OpenBackEndChannel()
    {
        Require(VhostUserProtocolFeatures.BackendReq, VhostUserRequest.SetBackendReqFd);
        (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
        using (theirs)
        {
            BackEndChannel?.Dispose();
            BackEndChannel = new BackEndChannel(ours);
            Send(VhostUserRequest.SetBackendReqFd, [], [theirs.Handle]);
        }

        return BackEndChannel;
    }

    /// <summary>Kicks in-band.</summary>
    public void VringKick(uint index)
    {
        Require(VhostUserProtocolFeatures.InbandNotifications, VhostUserRequest.VringKick);
        SendState(VhostUserRequest.VringKick, index, 0);
    }

    public void ResetDevice()
    {
        Require(VhostUserProtocolFeatures.ResetDevice, VhostUserRequest.ResetDevice);
        Send(VhostUserRequest.ResetDevice, []);
    }

    public void SetStatus(DeviceStatus status)
    {
        Require(VhostUserProtocolFeatures.Status, VhostUserRequest.SetStatus);
        SendNumber(VhostUserRequest.SetStatus, (ulong)status);
    }

    /// <exception cref="TransportException"><see cref="TransportFault.Protocol"/>: also when a bit above the eight of the status is set.</exception>
    public DeviceStatus GetStatus()
    {
        Require(VhostUserProtocolFeatures.Status, VhostUserRequest.GetStatus);
        ulong status = AskNumber(VhostUserRequest.GetStatus);
        return status <= byte.MaxValue
            ? (DeviceStatus)status
            : throw new TransportException(TransportFault.Protocol, $"reply to GET_STATUS: 0x{status:x} does not fit into eight bits");
    }

    /// <summary>Gets the shared buffer in which the back end tracks what it has in flight. The caller disposes the descriptor.</summary>
    public (VhostUserInflight Description, SafeFileHandle File) GetInflightFd(ushort queues, ushort queueSize)
    {
        Require(VhostUserProtocolFeatures.InflightShmFd, VhostUserRequest.GetInflightFd);
        byte[] payload = new byte[VhostUserInflight.Size];
        new VhostUserInflight(0, 0, queues, queueSize).Write(payload);
        ReceivedMessage reply = Ask(VhostUserRequest.GetInflightFd, payload);
        CheckReply(VhostUserRequest.GetInflightFd, reply, VhostUserInflight.Size, VhostUserInflight.UnpaddedSize, descriptors: 1);
        return (VhostUserInflight.Read(reply.Payload), reply.Descriptors[0]);
    }

    public void SetInflightFd(VhostUserInflight description, SafeFileHandle file)
    {
        Require(VhostUserProtocolFeatures.InflightShmFd, VhostUserRequest.SetInflightFd);
        byte[] payload = new byte[VhostUserInflight.Size];
        description.Write(payload);
        Send(VhostUserRequest.SetInflightFd, payload, [file]);
    }

    /// <summary>Shares the dirty page log.</summary>
    public void SetLogBase(VhostUserLog log, SafeFileHandle file)
    {
        Require(VhostUserProtocolFeatures.LogShmFd, VhostUserRequest.SetLogBase);

        // With LOG_SHMFD the back end answers this request whatever its flags say, and what it puts into the payload is not said.
        byte[] payload = new byte[VhostUserLog.Size];
        log.Write(payload);
        CollectAcknowledgements();
        SendRaw(new VhostUserHeader((uint)VhostUserRequest.SetLogBase, VhostUserHeader.Version, (uint)payload.Length), payload, [file]);
        using ReceivedMessage reply = TakeReply(VhostUserRequest.SetLogBase);
        CheckReply(VhostUserRequest.SetLogBase, reply, reply.Header.Size);
    }

    public void SetLogFd(EventFd descriptor) => Send(VhostUserRequest.SetLogFd, [], [descriptor.Handle]);

    /// <summary>A region as messages describe it.</summary>
    public static VhostUserRegion DescriptionOf(MemoryRegion region) =>
        new(region.GuestAddress, region.Size, region.UserAddress, region.MmapOffset);

    private void SendNumber(VhostUserRequest request, ulong value, ReadOnlySpan<SafeFileHandle> descriptors = default)
    {
        Span<byte> payload = stackalloc byte[sizeof(ulong)];
        MemoryMarshal.Write(payload, value);
        Send(request, payload, descriptors);
    }

    private void SendState(VhostUserRequest request, uint index, uint number)
    {
        Span<byte> payload = stackalloc byte[VringState.Size];
        new VringState(index, number).Write(payload);
        Send(request, payload);
    }

    private void SendRegion(VhostUserRequest request, VhostUserRegion region, ReadOnlySpan<SafeFileHandle> descriptors)
    {
        byte[] payload = new byte[VhostUserRegion.Prefix + VhostUserRegion.Size];
        region.Write(payload.AsSpan(VhostUserRegion.Prefix));
        Send(request, payload, descriptors);
    }

    private void SendVringDescriptor(VhostUserRequest request, byte index, EventFd? descriptor) =>
        SendNumber(request, new VringDescriptor(index, descriptor is not null).Value, descriptor is null ? [] : [descriptor.Handle]);

    private void Require(VhostUserProtocolFeatures feature, VhostUserRequest request)
    {
        if (options.Force || Has(feature))
        {
            return;
        }

        // A back end may offer on one connection what it does not offer on the next: then it is not ours to be at fault.
        string need = $"{VhostUserRequests.Name(request)} needs protocol feature {feature}";
        throw OfferedProtocolFeatures.HasFlag(feature)
            ? new InvalidOperationException($"{need} to be negotiated; set Force to send it all the same")
            : new TransportException(TransportFault.Refused, $"{need}, which the back end does not offer on this connection");
    }
}
