using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Transports;

/// <summary>A back-end session and the far end of its socket on one thread: each message is sent, served and its reply looked at in turn.</summary>
internal sealed class BackEndBench : IDisposable
{
    private const uint NeedReply = VhostUserHeader.NeedReply;

    public BackEndBench(RecordingHandler? handler = null, BackEndRules? rules = null)
    {
        (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
        Peer = new VhostUserConnection(ours);
        Handler = handler ?? new RecordingHandler();
        Session = new VhostUserBackEnd(theirs, Handler, BackEndHost.CreateRing, rules, Log.Add);
    }

    public VhostUserConnection Peer { get; }

    public VhostUserBackEnd Session { get; }

    public RecordingHandler Handler { get; }

    public List<string> Log { get; } = [];

    public static byte[] Number(ulong value)
    {
        byte[] payload = new byte[8];
        MemoryMarshal.Write(payload, value);
        return payload;
    }

    public static byte[] State(uint index, uint number)
    {
        byte[] payload = new byte[VringState.Size];
        new VringState(index, number).Write(payload);
        return payload;
    }

    public static byte[] Address(VringAddress address)
    {
        byte[] payload = new byte[VringAddress.Size];
        address.Write(payload);
        return payload;
    }

    public static byte[] Table(int slots, params VhostUserRegion[] regions)
    {
        byte[] payload = new byte[VhostUserRegion.Prefix + (slots * VhostUserRegion.Size)];
        MemoryMarshal.Write(payload, (uint)regions.Length);
        for (int i = 0; i < regions.Length; i++)
        {
            regions[i].Write(payload.AsSpan(VhostUserRegion.Prefix + (i * VhostUserRegion.Size)));
        }

        return payload;
    }

    public static byte[] Single(VhostUserRegion region)
    {
        byte[] payload = new byte[VhostUserRegion.Prefix + VhostUserRegion.Size];
        region.Write(payload.AsSpan(VhostUserRegion.Prefix));
        return payload;
    }

    public static byte[] Config(uint offset, uint length, int bytes, uint flags = 0)
    {
        byte[] payload = new byte[VhostUserConfigAccess.Size + bytes];
        new VhostUserConfigAccess(offset, length, flags).Write(payload);
        return payload;
    }

    /// <summary>Sends a message and lets the session serve it.</summary>
    public void Send(VhostUserRequest request, byte[]? payload = null, uint flags = 0, params SafeFileHandle[] descriptors)
    {
        payload ??= [];
        VhostUserHeader header = new((uint)request, VhostUserHeader.Version | flags, (uint)payload.Length);
        Peer.Send(header, payload, descriptors, Deadline.Never);
        Session.ProcessMessages();
    }

    /// <summary>Sends a message that has an answer of its own.</summary>
    public byte[] Ask(VhostUserRequest request, byte[]? payload = null, uint flags = 0)
    {
        Send(request, payload, flags);
        using ReceivedMessage reply = Next();
        Assert.That(reply.Outcome, Is.EqualTo(ReceiveOutcome.Message), () => string.Join('\n', Log));
        Assert.That(reply.Header, Is.EqualTo(new VhostUserHeader((uint)request, 5, (uint)reply.Payload.Length)));
        return reply.Payload.ToArray();
    }

    public ulong AskNumber(VhostUserRequest request, uint flags = 0) => MemoryMarshal.Read<ulong>(Ask(request, null, flags));

    /// <summary>Sends a message with need_reply and returns the status of its acknowledgement.</summary>
    public ulong Acknowledge(VhostUserRequest request, byte[]? payload = null, params SafeFileHandle[] descriptors)
    {
        Send(request, payload, NeedReply, descriptors);
        using ReceivedMessage reply = Next();
        Assert.That(reply.Outcome, Is.EqualTo(ReceiveOutcome.Message), () => $"{request}: {string.Join('\n', Log)}");
        Assert.That(reply.Header, Is.EqualTo(new VhostUserHeader((uint)request, 5, 8)));
        return MemoryMarshal.Read<ulong>(reply.Payload);
    }

    /// <summary>The next message of the session, which must be there already.</summary>
    public ReceivedMessage Next() => Peer.Receive(Deadline.In(TimeSpan.Zero));

    /// <summary>Nothing was said and the connection lives.</summary>
    public void AssertSilent()
    {
        using ReceivedMessage reply = Next();
        Assert.That(reply.Outcome, Is.EqualTo(ReceiveOutcome.Timeout), () => string.Join('\n', Log));
    }

    public void AssertClosed()
    {
        using ReceivedMessage reply = Next();
        Assert.That(reply.Outcome, Is.EqualTo(ReceiveOutcome.Closed));
        Assert.That(Session.IsClosed, Is.True);
    }

    /// <summary>SET_OWNER and negotiation of protocol features, with acknowledgements from then on.</summary>
    public void Open(VhostUserProtocolFeatures features = VhostUserProtocolFeatures.ReplyAck)
    {
        Send(VhostUserRequest.SetOwner);
        Send(VhostUserRequest.SetProtocolFeatures, Number((ulong)features));
        AssertSilent();
    }

    /// <summary>Everything up to a ring that only lacks its kick descriptor, with bit 30 accepted.</summary>
    public void SetUp(TestQueues queues, int index, RingSetup ring, uint start = 0, VirtioFeatures features = VirtioFeatures.Version1)
    {
        Assert.That(Acknowledge(VhostUserRequest.SetFeatures, Number((ulong)(features | VirtioFeatures.VhostUserProtocolFeatures))), Is.Zero);
        ShareMemory(queues.Memory);
        Assert.That(Acknowledge(VhostUserRequest.SetVringNum, State((uint)index, ring.Size)), Is.Zero);
        Assert.That(Acknowledge(VhostUserRequest.SetVringBase, State((uint)index, start)), Is.Zero);
        Assert.That(Acknowledge(VhostUserRequest.SetVringAddr, Address(VhostUserFrontEnd.AddressOf((uint)index, ring, queues.Memory))), Is.Zero);
        Handler.Take();
    }

    public void ShareMemory(GuestMemory memory)
    {
        VhostUserRegion[] regions = [.. memory.Regions.Select(VhostUserFrontEnd.DescriptionOf)];
        SafeFileHandle[] files = [.. memory.Regions.Select(region => region.File)];
        Assert.That(Acknowledge(VhostUserRequest.SetMemTable, Table(regions.Length, regions), files), Is.Zero);
    }

    public void Kick(int index, EventFd descriptor) =>
        Assert.That(Acknowledge(VhostUserRequest.SetVringKick, Number((ulong)index), descriptor.Handle), Is.Zero);

    public void Enable(int index, bool enable) =>
        Assert.That(Acknowledge(VhostUserRequest.SetVringEnable, State((uint)index, enable ? 1u : 0u)), Is.Zero);

    public VringState Stop(int index) => VringState.Read(Ask(VhostUserRequest.GetVringBase, State((uint)index, 0)));

    public void Dispose()
    {
        Peer.Dispose();
        Session.Dispose();
    }
}
