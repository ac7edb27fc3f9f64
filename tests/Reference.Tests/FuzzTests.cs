using System.Net.Sockets;
using CsCheck;
using NUnit.Framework;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

/// <summary>A guest and host applications that do anything: the device stays up, gives every chain back, and serves the next guest.</summary>
[TestFixture]
internal sealed class FuzzTests
{
    private static readonly uint[] Ports = [80, 81, 82, 0, uint.MaxValue];

    private static readonly ChainShape[] Shapes =
        [ChainShape.OneBuffer, ChainShape.HeaderThenPayload, ChainShape.SplitHeaderAt(7), ChainShape.Pieces(400).WithZeroLengthPieces()];

    private static readonly Gen<int[]> Seeds = Gen.Int[0, int.MaxValue - 1].Array[60];

    [TestCase(VirtioFeatures.None)]
    [TestCase(VirtioFeatures.RingPacked | VirtioFeatures.EventIdx)]
    public void Device_WhateverHappens_ServesTheNextGuest(VirtioFeatures layout)
    {
        using Bench bench = new(o => o with
        {
            BufferBytes = 4096,
            MaxConnections = 8,
            CloseTimeout = TimeSpan.FromMilliseconds(5),
            ConnectTimeout = TimeSpan.FromMilliseconds(5),
        });
        using Socket streams = bench.Listen(80, backlog: 2);
        using Socket messages = bench.Listen(81, SocketType.Seqpacket, backlog: 2);
        GuestOptions options = new() { Features = VirtioFeatures.Version1 | VirtioFeatures.Seqpacket | layout, Buffers = 4, BufferBytes = 100 };
        Seeds.Sample(
            steps =>
            {
                List<Socket> hosts = [];
                using (Guest guest = bench.Guest(options))
                {
                    foreach (int step in steps)
                    {
                        Act(new Random(step), bench, guest, hosts, streams, messages);
                    }

                    guest.WaitUntil(
                        () =>
                        {
                            Drain(guest);
                            return guest.TxOutstanding == 0;
                        },
                        "all chains");
                }

                hosts.ForEach(h => h.Dispose());
                using Guest next = bench.Guest(options);
                GuestFlow flow = new(next, 9999, 80);
                using Socket host = Connected(next, flow, streams);
                Assert.That(bench.Device.Fault, Is.Null);
                return true;
            },
            iter: 60,
            threads: 1);
    }

    private static void Act(Random random, Bench bench, Guest guest, List<Socket> hosts, Socket streams, Socket messages)
    {
        switch (random.Next(10))
        {
            case 0:
                Socket dialled = bench.Dial(random.Next(3) == 0 ? SocketType.Seqpacket : SocketType.Stream);
                hosts.Add(dialled);
                Try(() => Bench.Say(dialled, random.Next(4) == 0 ? "CONN" : $"CONNECT {Ports[random.Next(Ports.Length)]}\n"));
                break;
            case 1:
                Socket listener = random.Next(2) == 0 ? streams : messages;
                if (listener.Poll(0, SelectMode.SelectRead))
                {
                    hosts.Add(listener.Accept());
                }

                break;
            case 2 when hosts.Count > 0:
                Socket host = hosts[random.Next(hosts.Count)];
                Try(() =>
                {
                    switch (random.Next(5))
                    {
                        case 0:
                            host.Shutdown((SocketShutdown)random.Next(3));
                            break;
                        case 1:
                            hosts.Remove(host);
                            host.Dispose();
                            break;
                        case 2 when host.Poll(0, SelectMode.SelectRead):
                            host.Receive(new byte[random.Next(1, 5000)]);
                            break;
                        default:
                            host.Blocking = false;
                            host.Send(new byte[random.Next(5000)]);
                            host.Blocking = true;
                            break;
                    }
                });
                break;
            default:
                int payload = random.Next(3) == 0 ? random.Next(6000) : random.Next(100);
                VsockHeader header = new()
                {
                    SrcCid = random.Next(50) == 0 ? (ulong)random.NextInt64() : guest.Cid,
                    DstCid = random.Next(50) == 0 ? (ulong)random.NextInt64() : 2,
                    SrcPort = Ports[random.Next(Ports.Length)],
                    DstPort = random.Next(5) == 0 ? FlowTable.FirstHostPort + (uint)random.Next(3) : Ports[random.Next(3)],
                    Len = random.Next(30) == 0 ? (uint)random.NextInt64() : (uint)payload,
                    Type = random.Next(40) == 0 ? (SocketType)random.Next(4) : (SocketType)random.Next(1, 3),
                    Op = random.Next(40) == 0 ? (Op)random.Next(65536) : (Op)random.Next(1, 8),
                    Flags = (uint)random.Next(4),
                    BufAlloc = random.Next(4) == 0 ? (uint)random.Next(200) : 65536,
                    FwdCnt = random.Next(4) == 0 ? (uint)random.NextInt64() : 0,
                };
                byte[] packet = [.. Guest.Bytes(header), .. new byte[payload]];
                guest.SendBytes(random.Next(40) == 0 ? packet.AsSpan(0, random.Next(1, 44)) : packet, Shapes[random.Next(Shapes.Length)]);
                break;
        }

        Drain(guest);
    }

    private static void Drain(Guest guest)
    {
        while (guest.TryNext() is not null)
        {
        }
    }

    private static Socket Connected(Guest guest, GuestFlow flow, Socket listener)
    {
        // Leftovers of the last guest may still be in the backlog.
        while (listener.Poll(0, SelectMode.SelectRead))
        {
            listener.Accept().Dispose();
        }

        return flow.Connect(listener);
    }

    private static void Try(Action action)
    {
        try
        {
            action();
        }
        catch (SocketException)
        {
            // The device may have closed its end.
        }
    }
}
