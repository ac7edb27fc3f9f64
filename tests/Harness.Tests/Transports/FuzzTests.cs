using CsCheck;
using Microsoft.Win32.SafeHandles;
using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Transports;

/// <summary>Peers that say anything.</summary>
[NonParallelizable]
public sealed class FuzzTests
{
    /// <summary>The requests that set rings up and take them down; others come less often.</summary>
    private static readonly VhostUserRequest[] Usual =
    [
        VhostUserRequest.SetFeatures, VhostUserRequest.SetMemTable, VhostUserRequest.AddMemReg, VhostUserRequest.RemMemReg,
        VhostUserRequest.SetVringNum, VhostUserRequest.SetVringAddr, VhostUserRequest.SetVringBase, VhostUserRequest.GetVringBase,
        VhostUserRequest.SetVringKick,
        VhostUserRequest.SetVringKick, VhostUserRequest.SetVringCall, VhostUserRequest.SetVringErr, VhostUserRequest.SetVringEnable,
        VhostUserRequest.SetVringEnable, VhostUserRequest.VringKick, VhostUserRequest.SetStatus, VhostUserRequest.ResetDevice,
        VhostUserRequest.GetConfig,
    ];

    private static readonly Gen<byte[]> Pieces = Gen.Byte.Array[0, 200];

    /// <summary>Random bytes in random pieces: the session ends or waits for more, and releases what it was given.</summary>
    [Test]
    public void BackEnd_RandomBytes_NeverFailsOrLeaks()
    {
        using EventFd descriptor = new();
        int before = OpenDescriptors.Count();
        Gen.Select(Pieces.Array[1, 8], Gen.Bool).Sample(
            (pieces, withDescriptor) =>
            {
                using BackEndBench bench = new();
                foreach (byte[] piece in pieces)
                {
                    Offer(bench, piece, withDescriptor ? [descriptor.Handle] : []);
                }
            },
            iter: 3_000,
            threads: 1);
        Assert.That(OpenDescriptors.Count(), Is.EqualTo(before));
    }

    /// <summary>Messages that are almost right, in any order, whole or in pieces, over real memory and descriptors, with kicks in between.</summary>
    [Test]
    public void BackEnd_RandomMessages_NeverFailsOrLeaks()
    {
        using TestQueues queues = new();
        RingSetup ring = queues.Ring();
        SafeFileHandle[] files = [queues.Memory.Regions[0].File, queues.Memory.Regions[1].File, queues.NewDescriptor().Handle];
        int before = OpenDescriptors.Count();
        int started = 0;
        Gen.UInt.Sample(
            seed =>
            {
                Random random = new((int)seed);
                using BackEndBench bench = new(new RecordingHandler());
                bench.Open(random.Next(4) == 0 ? VhostUserProtocolFeatures.ReplyAck : new BackEndRules().ProtocolFeatures);
                if (random.Next(4) != 0)
                {
                    bench.SetUp(queues, random.Next(3), ring);
                }

                for (int i = 0; i < 60 && !bench.Session.IsClosed; i++)
                {
                    SendAlmostRight(bench, random, queues, ring, files);
                    started += bench.Handler.Queues.Count;
                    foreach (BackEndQueue queue in bench.Handler.Queues.Values)
                    {
                        queue.SignalUsed();
                        queue.Kick?.Drain();
                    }
                }
            },
            iter: 2_000,
            threads: 1);
        Assert.That(OpenDescriptors.Count(), Is.EqualTo(before));
        Assert.That(started, Is.GreaterThan(1_000), "the messages are too wrong to start rings");
    }

    /// <summary>A back end that answers anything: only <see cref="TransportException"/> comes out, and what it says names the request.</summary>
    [Test]
    public void FrontEnd_RandomReplies_GivesTransportExceptionsOnly()
    {
        using TestQueues queues = new();
        using EventFd descriptor = new();
        RingSetup ring = queues.Ring();
        int before = OpenDescriptors.Count();
        Gen.UInt.Sample(
            seed =>
            {
                Random random = new((int)seed);
                VhostUserFrontEndOptions options = new() { Deadline = TimeSpan.Zero, Force = true, Pipelined = random.Next(2) == 0 };
                using FrontEndBench bench = new(options);
                for (int i = 0; i < 8; i++)
                {
                    Answer(bench, random, descriptor);
                    try
                    {
                        AnyRequest(bench.Front, random, queues, ring);
                    }
                    catch (TransportException e)
                    {
                        Assert.That(e.Message, Is.Not.Empty);
                    }
                }
            },
            iter: 10_000,
            threads: 1);
        Assert.That(OpenDescriptors.Count(), Is.EqualTo(before));
    }

    private static void Offer(BackEndBench bench, ReadOnlySpan<byte> bytes, ReadOnlySpan<SafeFileHandle> descriptors)
    {
        if (bench.Session.IsClosed || bytes.IsEmpty)
        {
            return;
        }

        bench.Peer.Send(bytes, descriptors, Deadline.Never);
        bench.Session.ProcessMessages();
        using ReceivedMessage reply = bench.Next();
    }

    private static void SendAlmostRight(BackEndBench bench, Random random, TestQueues queues, RingSetup ring, SafeFileHandle[] files)
    {
        VhostUserRequest request = random.Next(20) == 0 ? (VhostUserRequest)random.Next(48) : Usual[random.Next(Usual.Length)];
        byte[] payload = PayloadFor(request, random, queues, ring);
        if (random.Next(8) == 0 && payload.Length > 0)
        {
            payload[random.Next(payload.Length)] ^= (byte)(1 << random.Next(8));
        }

        int count = request switch
        {
            VhostUserRequest.SetMemTable => 2,
            VhostUserRequest.AddMemReg or VhostUserRequest.SetVringKick or VhostUserRequest.SetVringCall or VhostUserRequest.SetVringErr => 1,
            _ => 0,
        };
        SafeFileHandle[] attached = request is VhostUserRequest.SetMemTable or VhostUserRequest.AddMemReg ? files[..count] : files[2..(2 + count)];
        if (random.Next(16) == 0)
        {
            attached = [.. Enumerable.Range(0, random.Next(10)).Select(_ => files[random.Next(files.Length)])];
        }

        byte[] message = new byte[VhostUserHeader.Length + payload.Length];
        uint flags = random.Next(100) == 0 ? (uint)random.Next(16) : 9u;
        new VhostUserHeader((uint)request, flags, (uint)payload.Length).Write(message);
        payload.CopyTo(message, VhostUserHeader.Length);
        int cut = random.Next(4) == 0 ? random.Next(1, message.Length) : message.Length;
        Offer(bench, message.AsSpan(0, cut), attached);
        Offer(bench, message.AsSpan(cut), []);
        if (random.Next(4) == 0)
        {
            new EventFd(new SafeFileHandle(files[2].DangerousGetHandle(), ownsHandle: false)).Signal();
            bench.Session.ProcessMessages();
        }
    }

    private static byte[] PayloadFor(VhostUserRequest request, Random random, TestQueues queues, RingSetup ring)
    {
        uint index = random.Next(50) == 0 ? 3 : (uint)random.Next(3);
        VhostUserRegion[] regions = [.. queues.Memory.Regions.Select(VhostUserFrontEnd.DescriptionOf)];
        switch (request)
        {
            case VhostUserRequest.SetFeatures:
                VirtioFeatures features = VirtioFeatures.Version1;
                features |= random.Next(2) == 0 ? VirtioFeatures.VhostUserProtocolFeatures : VirtioFeatures.EventIdx;
                features |= random.Next(4) == 0 ? VirtioFeatures.RingPacked : VirtioFeatures.None;
                return BackEndBench.Number((ulong)features);
            case VhostUserRequest.SetProtocolFeatures:
                return BackEndBench.Number((ulong)new BackEndRules().ProtocolFeatures & ~(1UL << random.Next(64)));
            case VhostUserRequest.SetMemTable:
                return BackEndBench.Table(random.Next(2, 4), regions);
            case VhostUserRequest.AddMemReg or VhostUserRequest.RemMemReg:
                return BackEndBench.Single(regions[0]);
            case VhostUserRequest.SetVringAddr:
                return BackEndBench.Address(VhostUserFrontEnd.AddressOf(index, ring, queues.Memory));
            case VhostUserRequest.SetVringNum:
                return BackEndBench.State(index, random.Next(4) == 0 ? (uint)random.Next(70_000) : ring.Size);
            case VhostUserRequest.SetVringBase or VhostUserRequest.GetVringBase:
                return BackEndBench.State(index, (uint)random.Next(70_000));
            case VhostUserRequest.SetVringEnable or VhostUserRequest.VringKick:
                return BackEndBench.State(index, (uint)random.Next(2));
            case VhostUserRequest.SetVringKick or VhostUserRequest.SetVringCall or VhostUserRequest.SetVringErr:
                return BackEndBench.Number(index);
            case VhostUserRequest.SetStatus:
                return BackEndBench.Number(random.Next(3) == 0 ? (ulong)random.Next(16) : 15);
            case VhostUserRequest.GetConfig or VhostUserRequest.SetConfig:
                return BackEndBench.Config((uint)random.Next(10), (uint)random.Next(10), random.Next(10));
            default:
                return [];
        }
    }

    private static void Answer(FrontEndBench bench, Random random, EventFd descriptor)
    {
        byte[] payload = new byte[random.Next(3) == 0 ? random.Next(40) : 8];
        random.NextBytes(payload);
        VhostUserHeader header = new(
            (uint)random.Next(48),
            random.Next(4) == 0 ? (uint)random.Next(16) : 5,
            random.Next(8) == 0 ? (uint)random.NextInt64() : (uint)payload.Length);
        SafeFileHandle[] attached = [.. Enumerable.Repeat(descriptor.Handle, random.Next(8) == 0 ? random.Next(3) : 0)];
        bench.Peer.Send(header, payload, attached, Deadline.Never);
    }

    private static void AnyRequest(VhostUserFrontEnd front, Random random, TestQueues queues, RingSetup ring)
    {
        Action[] requests =
        [
            () => front.GetFeatures(),
            () => front.Negotiate(),
            () => front.SetProtocolFeatures((VhostUserProtocolFeatures)0x1ffff),
            () => front.AcceptFeatures(VirtioFeatures.Version1),
            () => front.ShareMemory(queues.Memory),
            () => front.SetVringAddr(VhostUserFrontEnd.AddressOf(0, ring, queues.Memory)),
            () => front.GetVringBase(1),
            () => front.GetConfig(0, 8),
            () => front.GetStatus(),
            () => front.GetQueueNum(),
            () => front.GetMaxMemSlots(),
            () => front.GetInflightFd(2, 16).File.Dispose(),
            () => front.OpenBackEndChannel(),
            () => front.VringKick(0),
            () => front.Flush(),
            () => front.TryReceive(TimeSpan.Zero).Dispose(),
            () => front.HasUnsolicitedBytes(),
        ];
        requests[random.Next(requests.Length)]();
    }
}
