using Vsockspec.Guests.Protocol;

namespace Vsockspec.Guests;

/// <summary>What one receive gave.</summary>
/// <param name="MessageFlags">msg_flags: MSG_TRUNC, MSG_EOR, MSG_CTRUNC.</param>
/// <param name="Control">Control messages as the kernel laid them out.</param>
/// <param name="Checksum">CRC-32C of the bytes that were stored.</param>
/// <param name="FirstDifference">Index of the first byte that is not the seed's; -1 when all are, or nothing was compared.</param>
/// <param name="Data">The bytes that were stored; empty when they were compared in the guest.</param>
public sealed record GuestReceived(GuestResult Result, int MessageFlags, byte[] Control, uint Checksum, int FirstDifference, byte[] Data);

/// <summary>What one long transfer came to.</summary>
/// <param name="Result">Bytes that were moved, also when an error ended it.</param>
/// <param name="Time">From its first system call to its last, by the guest's clock.</param>
/// <param name="Calls">System calls that moved something.</param>
/// <param name="Checksum">CRC-32C of all that was moved.</param>
/// <param name="FirstDifference">Place of the first byte that is not the seed's; -1 when all are, or nothing was compared.</param>
/// <param name="Ended">The peer sends no more.</param>
public sealed record GuestTransfer(GuestResult Result, TimeSpan Time, uint Calls, uint Checksum, long FirstDifference, bool Ended);

public sealed partial class AgentClient
{
    private const int DefaultChunk = 64 << 10;
    private const int NoSignal = 0x4000;

    /// <summary>One sendmsg(2) of up to <see cref="AgentProtocol.MaxInline"/> bytes.</summary>
    /// <param name="flags">MSG_...; MSG_NOSIGNAL is always added.</param>
    /// <param name="layout">Lengths of the parts that the buffer is divided into; null: one part.</param>
    public Task<GuestResult> Send(int fd, byte[] data, int flags = 0, int[]? layout = null, CallLimit limit = default) =>
        Plain(AgentCall.Send, Layout(Begin(AgentCall.Send).Add(fd).Add(flags | NoSignal).Add(false), layout ?? [data.Length]).Add(false).Add(data), limit);

    /// <summary>One sendmsg(2) of bytes that the guest makes from a seed, up to <see cref="AgentProtocol.MaxSeeded"/>.</summary>
    /// <param name="layout">Parts of the buffer: lengths, or <see cref="BufferPart.Unmapped"/>.</param>
    public Task<GuestResult> SendSeeded(int fd, ulong seed, ulong place, int[] layout, int flags = 0, CallLimit limit = default) =>
        Plain(AgentCall.Send, Layout(Begin(AgentCall.Send).Add(fd).Add(flags | NoSignal).Add(false), layout).Add(true).Add(seed).Add(place), limit);

    /// <summary>One writev(2).</summary>
    public Task<GuestResult> WriteVector(int fd, byte[] data, int[] layout, CallLimit limit = default) =>
        Plain(AgentCall.Send, Layout(Begin(AgentCall.Send).Add(fd).Add(0).Add(true), layout).Add(false).Add(data), limit);

    /// <summary>One recvmsg(2) into a buffer of up to <see cref="AgentProtocol.MaxInline"/> bytes.</summary>
    public Task<GuestReceived> Receive(int fd, int length, int flags = 0, CallLimit limit = default) =>
        Receive(fd, [length], flags, isVector: false, limit);

    /// <summary>One recvmsg(2), or readv(2), into a scattered buffer.</summary>
    /// <param name="layout">As for <see cref="SendSeeded"/>.</param>
    public Task<GuestReceived> Receive(int fd, int[] layout, int flags, bool isVector, CallLimit limit = default) =>
        Full(
            AgentCall.Receive,
            Layout(Begin(AgentCall.Receive).Add(fd).Add(flags).Add(isVector).Add(false).Add(0UL).Add(0UL), layout),
            ReadReceived,
            limit);

    /// <summary>One recvmsg(2) whose bytes stay in the guest and are compared with a seed's.</summary>
    public Task<GuestReceived> ReceiveSeeded(int fd, ulong seed, ulong place, int[] layout, int flags = 0, CallLimit limit = default) =>
        Full(
            AgentCall.Receive,
            Layout(Begin(AgentCall.Receive).Add(fd).Add(flags).Add(false).Add(true).Add(seed).Add(place), layout),
            ReadReceived,
            limit);

    /// <summary>Sends a piece of a seed's stream with as many send(2) as it takes.</summary>
    /// <param name="chunk">Bytes of one call.</param>
    /// <param name="flags">MSG_... of every call; MSG_NOSIGNAL is always added.</param>
    public Task<GuestTransfer> BulkSend(int fd, ulong seed, ulong total, int chunk = DefaultChunk, ulong place = 0, int flags = 0, CallLimit limit = default) =>
        Transfer(AgentCall.BulkSend, fd, flags | NoSignal, (seed, place), total, chunk, limit);

    /// <summary>Receives and compares with a seed's stream, up to the count or the end of the stream.</summary>
    public Task<GuestTransfer> BulkReceive(int fd, ulong seed, ulong total, int chunk = DefaultChunk, ulong place = 0, CallLimit limit = default) =>
        Transfer(AgentCall.BulkReceive, fd, 0, (seed, place), total, chunk, limit);

    /// <summary>Sends back what comes, up to the count or the end of the stream.</summary>
    public Task<GuestTransfer> Echo(int fd, ulong total = ulong.MaxValue, int chunk = DefaultChunk, CallLimit limit = default) =>
        Transfer(AgentCall.Echo, fd, NoSignal, (0, 0), total, chunk, limit);

    private Task<GuestTransfer> Transfer(AgentCall call, int fd, int flags, (ulong Seed, ulong Place) stream, ulong total, int chunk, CallLimit limit) =>
        Full(
            call,
            Begin(call).Add(fd).Add(flags).Add(stream.Seed).Add(stream.Place).Add(total).Add(chunk),
            (GuestResult result, ref MessageReader more) =>
                new GuestTransfer(result, new TimeSpan(more.Int64()), more.UInt32(), more.UInt32(), more.Int64(), more.Bool()),
            limit);

    private static GuestReceived ReadReceived(GuestResult result, ref MessageReader more) =>
        new(result, more.Int32(), more.Bytes().ToArray(), more.UInt32(), more.Int32(), more.Bytes().ToArray());

    private static MessageWriter Layout(MessageWriter request, int[] layout)
    {
        request.Add(layout.Length);
        foreach (int length in layout)
        {
            request.Add(length);
        }

        return request;
    }
}
