using Vsockspec.Guests.Protocol;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>One send or one receive.</summary>
internal sealed class DataCalls(SocketCalls sockets, SocketData data)
{
    public CallStart Send(ref MessageReader reader)
    {
        int fd = reader.Int32();
        MessageOptions options = (MessageOptions)reader.Int32();
        _ = reader.Bool();
        GuestBuffer buffer = GuestBuffer.Read(ref reader, AgentProtocol.MaxSeeded);
        if (reader.Bool())
        {
            ulong seed = reader.UInt64();
            SeedStream.Fill(seed, reader.UInt64(), buffer.Data);
        }
        else
        {
            ReadOnlySpan<byte> bytes = reader.Bytes();
            if (bytes.Length != buffer.Data.Length)
            {
                throw new MalformedMessageException($"{bytes.Length} bytes for a buffer of {buffer.Data.Length}");
            }

            bytes.CopyTo(buffer.Data);
        }

        reader.End();
        int errno = sockets.Find(fd, out VsockSocket socket);
        if (errno == 0)
        {
            errno = options.HasFlag(MessageOptions.OutOfBand) ? LinuxErrno.NotSupported
                : buffer.HasHole && (buffer.Usable == 0 || socket.Type == SocketType.Seqpacket) ? LinuxErrno.BadAddress : 0;
        }

        return errno != 0 ? CallReply.Failed(errno) : new SendCall(new Sending(data, socket, buffer.Data.AsMemory(0, buffer.Usable), options), socket);
    }

    public CallStart Receive(ref MessageReader reader)
    {
        int fd = reader.Int32();
        MessageOptions options = (MessageOptions)reader.Int32();
        _ = reader.Bool();
        bool isCompared = reader.Bool();
        ulong seed = reader.UInt64();
        ulong place = reader.UInt64();
        GuestBuffer buffer = GuestBuffer.Read(ref reader, isCompared ? AgentProtocol.MaxSeeded : AgentProtocol.MaxInline);
        reader.End();
        return sockets.Find(fd, out VsockSocket socket) is not 0 and var unknown
            ? ReceiveCall.Reply(new Reception(), unknown, [], null, false)
            : new ReceiveCall(data, socket, buffer, options, isCompared ? (seed, place) : null);
    }

    private sealed class SendCall(Sending sending, VsockSocket socket) : GuestCall
    {
        public override IReadOnlyList<Description> WaitsFor { get; } = [socket];

        public override TimeSpan? Limit => socket.Options.SendTimeout;

        public override byte[]? Attempt(CallEnding ending) => sending.Advance(ending) is { } result
            ? result < 0 ? CallReply.Failed(-result) : CallReply.Of(result)
            : null;
    }

    private sealed class ReceiveCall(SocketData data, VsockSocket socket, GuestBuffer buffer, MessageOptions options, (ulong Seed, ulong Place)? compared)
        : GuestCall
    {
        public override IReadOnlyList<Description> WaitsFor { get; } = [socket];

        public override TimeSpan? Limit => socket.Options.ReceiveTimeout;

        public override byte[]? Attempt(CallEnding ending)
        {
            if (buffer.HasHole && socket.Received.HasData && (buffer.Usable == 0 || (socket.Type == SocketType.Seqpacket && socket.Received.Ready > buffer.Usable)))
            {
                return Reply(default, LinuxErrno.BadAddress, [], compared, false);
            }

            int minimum = socket.Type == SocketType.Stream && ending == CallEnding.None
                ? data.Needed(socket, options.HasFlag(MessageOptions.WaitAll), buffer.Usable)
                : 0;
            int errno = data.TryReceive(socket, buffer.Data.AsSpan(0, buffer.Usable), minimum, options.HasFlag(MessageOptions.Peek), out Reception reception);
            if (errno == LinuxErrno.WouldBlock && ending == CallEnding.None && !socket.IsNonBlocking && !options.HasFlag(MessageOptions.DontWait))
            {
                return null;
            }

            errno = errno == LinuxErrno.WouldBlock && ending == CallEnding.Interrupted ? LinuxErrno.Interrupted : errno;
            return Reply(reception, errno, buffer.Data.AsSpan(0, reception.Stored), compared, options.HasFlag(MessageOptions.Truncated));
        }

        public static byte[] Reply(in Reception reception, int errno, ReadOnlySpan<byte> stored, (ulong Seed, ulong Place)? compared, bool wantsLength)
        {
            MessageOptions flags = (reception.IsTruncated ? MessageOptions.Truncated : 0) | (reception.EndsRecord ? MessageOptions.EndOfRecord : 0);
            int difference = compared is { } stream ? SeedStream.FirstDifference(stream.Seed, stream.Place, stored, new byte[stored.Length]) : -1;
            return CallReply.Begin(errno != 0 ? -1 : wantsLength ? reception.Length : reception.Stored, errno)
                .Add((int)flags)
                .Add(ReadOnlySpan<byte>.Empty)
                .Add(Checksum.Of(stored))
                .Add(difference)
                .Add(compared is null ? stored : [])
                .Written.ToArray();
        }
    }
}
