using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;

namespace Vsockspec.Conformance;

/// <content>Data.</content>
internal sealed partial class GuestSocket
{
    /// <summary>
    /// Sends so many bytes with one call, and returns them. The guest makes them from a seed: a request that carries more than a terminal's buffer of 4096 bytes
    /// is not read to its end in user-mode Linux.
    /// </summary>
    public byte[] Send(int count, int flags = 0) => Send([count], flags);

    /// <summary>As <see cref="Send(int,int)"/>, from a buffer in parts.</summary>
    public byte[] Send(int[] parts, int flags = 0)
    {
        (GuestResult result, byte[] data) = TrySend(parts, flags);
        CaseContext.Require(result.Value == data.Length, "guest-send-short", $"{data.Length} bytes are taken from the guest's application", result.ToString());
        return data;
    }

    /// <summary>One send call, whatever becomes of it, and the bytes that it was given.</summary>
    public (GuestResult Result, byte[] Data) TrySend(int[] parts, int flags = 0)
    {
        ulong seed = (ulong)c.Random.NextInt64();
        GuestResult result = c.Await(Agent.SendSeeded(fd, seed, 0, parts, flags, Limit));
        return (result, Seeded(seed, parts.Where(part => !BufferPart.IsUnmapped(part)).Sum()));
    }

    /// <summary>One receive call, of at most so many bytes.</summary>
    public GuestReceived Receive(int length, int flags = 0) => Receive([length], flags);

    /// <summary>One receive call into a buffer in parts.</summary>
    public GuestReceived Receive(int[] parts, int flags = 0) => c.Await(Agent.Receive(fd, parts, flags, isVector: false, Limit));

    /// <summary>One receive call whose bytes stay in the guest and are compared with a seed's there.</summary>
    public GuestReceived ReceiveSeeded(ulong seed, int[] parts, int flags = 0) => c.Await(Agent.ReceiveSeeded(fd, seed, 0, parts, flags, Limit));

    /// <summary>The next receive gives exactly the message of a seed.</summary>
    public void ExpectMessage(ulong seed, int length)
    {
        GuestReceived message = ReceiveSeeded(seed, [length + 1000]);
        CaseContext.Require(
            message.Result.Value == length, "wrong-boundary", $"one message of {length} bytes at the guest's application", message.Result.ToString());
        CaseContext.Require(message.FirstDifference < 0, "wrong-data", $"the {length} bytes sent, host to guest", $"they differ from byte {message.FirstDifference}");
    }

    /// <summary>Receives exactly so many bytes of a stream.</summary>
    public byte[] ReceiveExactly(int count)
    {
        List<byte> data = [];
        while (data.Count < count)
        {
            GuestReceived part = Receive(Math.Min(count - data.Count, 32 * 1024));
            CaseContext.Require(
                part.Result.Succeeded && part.Result.Value > 0,
                "guest-data-missing",
                $"{count} bytes reach the guest's application",
                $"{data.Count} bytes, then {part.Result}");
            data.AddRange(part.Data);
        }

        return [.. data];
    }

    /// <summary>The next receive finds that nothing more comes.</summary>
    public void ExpectEndOfFile()
    {
        CaseContext.Require(
            Poll(PollEvents.Readable | PollEvents.PeerClosed) != PollEvents.None,
            "no-eof",
            "end of file at the guest's application",
            $"nothing within {c.Timeline.Patience.TotalSeconds:0.###} s");
        GuestReceived end = Receive(1);
        CaseContext.Require(end.Result is { Errno: 0, Value: 0 }, "no-eof", "end of file at the guest's application", end.Result.ToString());
    }

    /// <summary>Sends a seed's bytes with as many calls as it takes.</summary>
    public Task<GuestTransfer> BulkSend(ulong seed, ulong total, int chunk = DefaultChunk, int flags = 0) =>
        Agent.BulkSend(fd, seed, total, chunk, 0, flags, Limit);

    /// <summary>Receives and compares a seed's bytes.</summary>
    public Task<GuestTransfer> BulkReceive(ulong seed, ulong total, int chunk = DefaultChunk) => Agent.BulkReceive(fd, seed, total, chunk, 0, Limit);

    /// <summary>Waits for a <see cref="BulkSend"/> that must be complete.</summary>
    public void ExpectSent(Task<GuestTransfer> sending, long total)
    {
        GuestResult result = c.Await(sending).Result;
        CaseContext.Require(
            result.Succeeded && result.Value == total, "guest-cannot-send", $"{total} bytes taken from the guest's application", $"{result}, {result.Value} bytes taken");
    }

    /// <summary>Waits for a <see cref="BulkReceive"/> that must be complete and right.</summary>
    public GuestTransfer ExpectReceived(Task<GuestTransfer> receiving, long total)
    {
        GuestTransfer received = c.Await(receiving);
        CaseContext.Require(
            received.Result.Value == total && received.FirstDifference < 0,
            "wrong-data",
            $"the {total} bytes that the host wrote",
            $"{received.Result}, {received.Result.Value} bytes, first difference at {received.FirstDifference}");
        return received;
    }

    /// <summary>
    /// Sends a seed's bytes until no more are taken, and poll tells no room, although everything that was on its way has been dealt with; returns how many were. It is
    /// up to the device and the host's socket how many those are.
    /// </summary>
    public int SendUntilHeldUp(ulong seed, int chunk, Action fence)
    {
        const int Bound = 64 << 20;
        long total = 0;
        bool roomTold = false;
        do
        {
            GuestTransfer part = c.Await(Agent.BulkSend(fd, seed, (ulong)(Bound - total), chunk, (ulong)total, GuestMessage.DontWait, Limit));
            total += part.Result.Value;
            CaseContext.Require(part.Result.Value > 0 || !roomTold, "writable-without-room", "a send that takes something after POLLOUT", part.Result.ToString());
            CaseContext.Require(
                total < Bound && part.Result.Errno == GuestErrno.WouldBlock,
                "not-held-up",
                "a guest is held up (EAGAIN) while the host application does not read",
                $"{total} bytes, then {part.Result}");
            fence();
            roomTold = Look(PollEvents.Writable).HasFlag(PollEvents.Writable);
        }
        while (roomTold);
        return (int)total;
    }

    /// <summary>Bytes that wait to be received, as far as one look shows; more than the bound count as the bound.</summary>
    public long Waiting(int bound = 256 * 1024) => c.Await(Agent.ReceiveSeeded(fd, 0, 0, [bound], GuestMessage.Peek | GuestMessage.DontWait, Limit)).Result.Value;

    /// <summary>The first bytes of a seed's stream.</summary>
    public static byte[] Seeded(ulong seed, int count)
    {
        byte[] data = new byte[count];
        SeedStream.Fill(seed, 0, data);
        return data;
    }

    private const int DefaultChunk = 64 * 1024;
}
