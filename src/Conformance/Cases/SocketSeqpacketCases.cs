using System.Net.Sockets;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Wire;
using SocketType = Vsockspec.Wire.SocketType;

namespace Vsockspec.Conformance.Cases;

/// <summary>Messages of seqpacket sockets, as applications see them.</summary>
[Area("sockets", NeedsGuest = true)]
public static class SocketSeqpacketCases
{
    private const int MaxSize = 16 * 1024;

    [Case("VSC-1462", "VS-X-18", "VS-X-39", Title = "Messages of random sizes from the guest, some of which end a record, arrive one by one", Needs = VirtioFeatures.Seqpacket)]
    public static void GuestMessages_RandomSizesAndRecords_ArriveOneByOne(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, SocketType.Seqpacket);
        for (int i = 0; i < 32; i++)
        {
            byte[] first = guest.Send(1 + c.Random.Next(MaxSize), c.Random.Next(2) * GuestMessage.EndOfRecord);
            byte[] second = guest.Send(1 + c.Random.Next(MaxSize), c.Random.Next(2) * GuestMessage.EndOfRecord);
            Exchange.Same(host.ReceiveMessage(), first, "guest to host, the first of two messages");
            Exchange.Same(host.ReceiveMessage(), second, "guest to host, the second of two messages");
        }
    }

    [Case("VSC-1463", "VS-X-18", "VS-X-37", Title = "Messages of random sizes from a host application arrive one by one", Needs = VirtioFeatures.Seqpacket)]
    public static void HostMessages_RandomSizes_ArriveOneByOne(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.OpenFromHost(c, SocketType.Seqpacket);
        for (ulong i = 0; i < 32; i++)
        {
            int first = 1 + c.Random.Next(MaxSize);
            int second = 1 + c.Random.Next(MaxSize);
            host.Send(GuestSocket.Seeded(c.Seed + (2 * i), first));
            host.Send(GuestSocket.Seeded(c.Seed + (2 * i) + 1, second));
            guest.ExpectMessage(c.Seed + (2 * i), first);
            guest.ExpectMessage(c.Seed + (2 * i) + 1, second);
        }
    }

    [Case("VSC-1464", "VS-X-38", "VS-X-37", Title = "Messages that take several packets arrive whole, both ways", Needs = VirtioFeatures.Seqpacket)]
    public static void LargeMessages_BothWays_ArriveWhole(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, SocketType.Seqpacket);
        foreach (int size in (ReadOnlySpan<int>)[65_535, 65_536, 65_537, 150_000])
        {
            byte[] up = guest.Send(size);
            Exchange.Same(host.ReceiveMessage(), up, $"guest to host, a message of {size} bytes");
            host.Send(GuestSocket.Seeded(c.Seed, size));
            guest.ExpectMessage(c.Seed, size);
        }
    }

    [Case("VSC-1465", "VS-X-18", "VS-X-23", Title = "Two megabytes of messages each way at once arrive whole and in as many messages", Slow = true, Needs = VirtioFeatures.Seqpacket)]
    public static void Messages_BothDirectionsAtOnce_ArriveWhole(CaseContext c)
    {
        const int Size = 5000;
        const int Count = 400;
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, SocketType.Seqpacket);
        Task<GuestTransfer> sending = guest.BulkSend(c.Seed, Size * Count, Size);
        Task<GuestTransfer> receiving = guest.BulkReceive(c.Seed + 1, Size * Count, 2 * Size);
        byte[] up = GuestSocket.Seeded(c.Seed, Size * Count);
        byte[] down = GuestSocket.Seeded(c.Seed + 1, Size * Count);
        for (int i = 0; i < Count; i++)
        {
            host.Send(down.AsSpan(i * Size, Size));
        }

        for (int i = 0; i < Count; i++)
        {
            Exchange.Same(host.ReceiveMessage(), up.AsSpan(i * Size, Size), $"guest to host, message {i}");
        }

        guest.ExpectSent(sending, Size * Count);
        GuestTransfer received = guest.ExpectReceived(receiving, Size * Count);
        CaseContext.Require(received.Calls == Count, "wrong-boundary", $"{Count} messages of {Size} bytes", $"as many bytes in {received.Calls} messages");
    }

    [Case("VSC-1466", "VS-X-18", Title = "A buffer too short for a message gets its beginning, MSG_TRUNC tells its length, and the next message is whole", Needs = VirtioFeatures.Seqpacket)]
    public static void Message_LongerThanBuffer_IsTruncatedAlone(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, SocketType.Seqpacket);
        byte[] data = c.RandomBytes(6000);
        byte[] next = c.RandomBytes(100);
        host.Send(data);
        host.Send(next);
        GuestReceived part = guest.Receive(1000, GuestMessage.Truncated);
        CaseContext.Require(
            part.Result.Value == data.Length && (part.MessageFlags & GuestMessage.Truncated) != 0,
            "wrong-boundary",
            $"a message of {data.Length} bytes, cut (MSG_TRUNC)",
            $"{part.Result}, flags 0x{part.MessageFlags:x}");
        Exchange.Same(part.Data, data.AsSpan(0, 1000), "host to guest, the beginning of a message");
        GuestExchange.ReceiveMessage(guest, next, "host to guest, the message after it");
    }

    [Case("VSC-1467", "VS-X-18", Title = "A look with MSG_PEEK at a message, where the guest has it, leaves the message whole", Needs = VirtioFeatures.Seqpacket)]
    public static void Message_Peeked_StaysWhole(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, SocketType.Seqpacket);
        byte[] data = c.RandomBytes(6000);
        host.Send(data);
        CaseContext.Require(guest.Poll(PollEvents.Readable).HasFlag(PollEvents.Readable), "data-not-told", "POLLIN when a message is there", "nothing");
        GuestReceived look = guest.Receive(1000, GuestMessage.Peek | GuestMessage.Truncated);
        c.Record("guest.seqpacket.peek", look.Result.Succeeded ? "supported" : look.Result.ToString());
        if (look.Result.Succeeded)
        {
            CaseContext.Require(look.Result.Value == data.Length, "wrong-boundary", $"a look at a message of {data.Length} bytes", look.Result.ToString());
            Exchange.Same(look.Data, data.AsSpan(0, 1000), "host to guest, a look at the beginning of a message");
        }

        GuestExchange.ReceiveMessage(guest, data, "host to guest");
    }

    [Case("VSC-1468", "VS-X-18", "VS-CRED-DEV-2", Title = "A message that is larger than what the device can hold is refused in the guest, and the next is whole", Needs = VirtioFeatures.Seqpacket)]
    public static void GuestMessage_TooLarge_NextIsWhole(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, SocketType.Seqpacket);
        (GuestResult result, byte[] data) = guest.TrySend([AgentProtocol.MaxSeeded]);
        c.Record("guest.seqpacket.too_large", result.ToString());
        if (result.Succeeded)
        {
            CaseContext.NotApplicable($"the device holds messages of {data.Length} bytes");
        }

        GuestExchange.Echo(c, guest, host, SocketType.Seqpacket);
    }

    [Case("VSC-1469", "VS-X-18", Title = "A receive into memory that is not there spoils at most its own message", Needs = VirtioFeatures.Seqpacket)]
    public static void Receive_IntoUnmappedBuffer_NextMessageIsWhole(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, SocketType.Seqpacket);
        byte[] data = c.RandomBytes(6000);
        byte[] next = c.RandomBytes(700);
        host.Send(data);
        host.Send(next);
        GuestReceived failed = guest.Receive([1000, BufferPart.Unmapped(1000), 8000]);
        GuestReceived after = guest.Receive(10_000);
        c.Record("guest.seqpacket.receive.unmapped", $"{failed.Result}, the message is {(after.Result.Value == data.Length ? "kept" : "lost")}");
        if (after.Result.Value == data.Length)
        {
            Exchange.Same(after.Data, data, "host to guest, the message that was not received before");
            after = guest.Receive(10_000);
        }

        Exchange.Same(after.Data, next, "host to guest, the next message");
        GuestExchange.Echo(c, guest, host, SocketType.Seqpacket);
    }

    [Case("VSC-1470", "VS-X-18", "VS-X-38", Title = "A message sent from memory that is not there does not reach the host in part, and the next is whole", Needs = VirtioFeatures.Seqpacket)]
    public static void Send_FromUnmappedBuffer_NextMessageIsWhole(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, SocketType.Seqpacket);
        GuestResult failed = guest.TrySend([1000, BufferPart.Unmapped(1000), 1000]).Result;
        c.Record("guest.seqpacket.send.unmapped", failed.ToString());
        if (failed.Succeeded)
        {
            CaseContext.NotApplicable("the guest sends messages from memory that is not there");
        }

        GuestExchange.Echo(c, guest, host, SocketType.Seqpacket);
    }

    [Case("VSC-1471", "VS-X-18", "B-51", Title = "An empty message of a host application is delivered or passed over, and the next is whole", Needs = VirtioFeatures.Seqpacket)]
    public static void HostMessage_Empty_NextIsWhole(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, SocketType.Seqpacket);
        byte[] next = c.RandomBytes(5000);
        host.Send([]);
        host.Send(next);
        GuestReceived received = guest.Receive(10_000);
        c.Record("host.seqpacket.empty", received.Result.Value == 0 ? "delivered" : "passed over");
        Exchange.Same(received.Result.Value == 0 ? guest.Receive(10_000).Data : received.Data, next, "host to guest, the message after the empty one");
        GuestExchange.Echo(c, guest, host, SocketType.Seqpacket);
    }

    [Case("VSC-1472", "VS-X-18", Title = "A message that comes after a receive ran into its SO_RCVTIMEO is received", Needs = VirtioFeatures.Seqpacket)]
    public static void Message_AfterReceiveTimeout_IsReceived(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, SocketType.Seqpacket);
        guest.SetReceiveTimeout(TimeSpan.FromMilliseconds(30));
        GuestResult early = guest.Receive(100).Result;
        c.Record("guest.seqpacket.receive_timeout", early.ToString());
        CaseContext.Require(!early.Succeeded, "message-from-nowhere", "no message: the host has sent none", early.ToString());
        guest.SetReceiveTimeout(TimeSpan.Zero);
        GuestExchange.Echo(c, guest, host, SocketType.Seqpacket);
    }

    [Case("VSC-1473", "VS-X-31", "VS-X-18", Title = "Half-closes of seqpacket connections come after all messages, in either direction", Needs = VirtioFeatures.Seqpacket)]
    public static void Seqpacket_HalfCloses_ComeAfterAllMessages(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.Open(c, SocketType.Seqpacket);
        byte[][] up = [guest.Send(6000), guest.Send(1), guest.Send(3000)];
        guest.Shutdown(SocketShutdown.Send).OrThrow("shutdown");
        foreach (byte[] message in up)
        {
            Exchange.Same(host.ReceiveMessage(), message, "guest to host before the half-close");
        }

        host.ExpectEndOfFile();
        byte[] down = c.RandomBytes(6000);
        host.Send(down);
        host.Send("Z"u8);
        host.Shutdown(SocketShutdown.Send);
        GuestExchange.ReceiveMessage(guest, down, "host to guest after the half-close");
        GuestExchange.ReceiveMessage(guest, [(byte)'Z'], "host to guest after the half-close");
        guest.ExpectEndOfFile();
    }

    [Case("VSC-1474", "VS-CRED-DEV-1", "VS-X-37", Title = "Messages to a guest with a small buffer come one by one as it reads", Needs = VirtioFeatures.Seqpacket)]
    public static void GuestBuffer_Small_MessagesComeAsItReads(CaseContext c)
    {
        const int Size = 10_000;
        HostListener listener = c.Listen(SocketType.Seqpacket);
        GuestSocket guest = GuestSocket.Create(c, SocketType.Seqpacket);
        guest.SetBuffer(16 * 1024);
        guest.Connect(listener.Port).OrThrow("connect");
        HostConnection host = listener.Accept();
        for (ulong i = 0; i < 12; i++)
        {
            host.Send(GuestSocket.Seeded(c.Seed + i, Size));
        }

        for (ulong i = 0; i < 12; i++)
        {
            guest.ExpectMessage(c.Seed + i, Size);
        }
    }
}
