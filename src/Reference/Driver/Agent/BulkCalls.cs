using System.Diagnostics;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Reference.Driver;

/// <summary>Long transfers: many calls for one request.</summary>
internal sealed class BulkCalls(SocketCalls sockets, SocketData data)
{
    private delegate GuestCall MakeCall(VsockSocket socket, Transfer transfer);

    /// <summary>Sends a piece of a seed's stream, chunk by chunk, until all is sent or the socket refuses.</summary>
    public CallStart Send(ref MessageReader reader) => Start(ref reader, (socket, transfer) => new BulkSend(data, socket, transfer));

    /// <summary>Receives until the count is reached, the host sends no more, or the socket refuses; compares with the seed's stream.</summary>
    public CallStart Receive(ref MessageReader reader) => Start(ref reader, (socket, transfer) => new BulkReceive(data, socket, transfer));

    /// <summary>Sends back what comes until the count is reached, the host sends no more, or the socket refuses.</summary>
    public CallStart Echo(ref MessageReader reader) => Start(ref reader, (socket, transfer) => new BulkEcho(data, socket, transfer));

    private CallStart Start(ref MessageReader reader, MakeCall make)
    {
        int fd = reader.Int32();
        MessageOptions options = (MessageOptions)reader.Int32();
        ulong seed = reader.UInt64();
        ulong place = reader.UInt64();
        ulong total = reader.UInt64();
        int chunk = reader.Count(AgentProtocol.MaxSeeded);
        reader.End();
        if (chunk == 0)
        {
            throw new MalformedMessageException("a transfer in chunks of nothing");
        }

        Transfer transfer = new(options, seed, place, total, chunk);
        if (sockets.Find(fd, out VsockSocket socket) is not 0 and var unknown)
        {
            transfer.Fail(unknown);
            return transfer.ToReply();
        }

        return make(socket, transfer);
    }

    /// <summary>How far one transfer is.</summary>
    private sealed class Transfer(MessageOptions options, ulong seed, ulong place, ulong total, int chunk)
    {
        private readonly byte[] buffer = new byte[chunk];
        private readonly long begin = Stopwatch.GetTimestamp();
        private readonly byte[] scratch = new byte[chunk];
        private uint checksum = Checksum.Begin;
        private uint calls;
        private ulong moved;
        private int errno;
        private bool ended;
        private long firstDifference = -1;

        public MessageOptions Options => options;

        public bool IsOver => ended || errno != 0 || moved == total;

        /// <summary>Room for the next chunk.</summary>
        public Memory<byte> Next => buffer.AsMemory(0, (int)Math.Min(total - moved, (ulong)buffer.Length));

        /// <summary>The next chunk, with the bytes of the seed.</summary>
        public ReadOnlyMemory<byte> Make()
        {
            Memory<byte> next = Next;
            SeedStream.Fill(seed, place + moved, next.Span);
            return next;
        }

        public void Compare(ReadOnlySpan<byte> received)
        {
            if (firstDifference < 0 && SeedStream.FirstDifference(seed, place + moved, received, scratch) is >= 0 and var difference)
            {
                firstDifference = (long)moved + difference;
            }
        }

        /// <summary>One call has moved these.</summary>
        public void Note(ReadOnlySpan<byte> bytes)
        {
            checksum = Checksum.Add(checksum, bytes);
            moved += (ulong)bytes.Length;
            calls++;
        }

        public void Fail(int with) => errno = with;

        public void End() => ended = true;

        public byte[] ToReply() => CallReply.Begin((long)moved, errno)
            .Add(Stopwatch.GetElapsedTime(begin).Ticks)
            .Add(calls)
            .Add(Checksum.End(checksum))
            .Add(firstDifference)
            .Add(ended)
            .Written.ToArray();
    }

    private abstract class BulkCall(VsockSocket socket, Transfer transfer) : GuestCall
    {
        public override IReadOnlyList<Description> WaitsFor { get; } = [socket];

        protected VsockSocket Socket => socket;

        protected Transfer Transfer => transfer;

        public override byte[]? Attempt(CallEnding ending)
        {
            while (IsBusy || !transfer.IsOver)
            {
                if (!Step(ending))
                {
                    return null;
                }

                if (ending == CallEnding.Interrupted && (IsBusy || !transfer.IsOver))
                {
                    transfer.Fail(LinuxErrno.Interrupted);
                    break;
                }
            }

            return transfer.ToReply();
        }

        /// <summary>There is something left to do of what was counted already.</summary>
        protected virtual bool IsBusy => false;

        /// <summary>One call, or what can be done of it; false when it has to wait, which it never has with an ending.</summary>
        protected abstract bool Step(CallEnding ending);

        /// <summary>Receives a chunk; null: it has to wait.</summary>
        protected Memory<byte>? Receive(SocketData data, CallEnding ending)
        {
            Memory<byte> next = transfer.Next;
            int errno = data.TryReceive(socket, next.Span, minimum: 1, peek: false, out Reception reception);
            if (errno == LinuxErrno.WouldBlock && ending == CallEnding.None && !socket.IsNonBlocking && !transfer.Options.HasFlag(MessageOptions.DontWait))
            {
                return null;
            }

            if (errno != 0)
            {
                transfer.Fail(errno == LinuxErrno.WouldBlock && ending == CallEnding.Interrupted ? LinuxErrno.Interrupted : errno);
            }
            else if (reception.Stored == 0)
            {
                transfer.End();
            }

            return next[..reception.Stored];
        }
    }

    private sealed class BulkSend(SocketData data, VsockSocket socket, Transfer transfer) : BulkCall(socket, transfer)
    {
        private Sending? sending;
        private ReadOnlyMemory<byte> chunk;

        protected override bool Step(CallEnding ending)
        {
            if (sending is null)
            {
                chunk = Transfer.Make();
                sending = new Sending(data, Socket, chunk, Transfer.Options);
            }

            if (sending.Advance(ending) is not { } result)
            {
                return false;
            }

            sending = null;
            if (result < 0)
            {
                Transfer.Fail(-result);
            }
            else
            {
                Transfer.Note(chunk.Span[..result]);
            }

            return true;
        }
    }

    private sealed class BulkReceive(SocketData data, VsockSocket socket, Transfer transfer) : BulkCall(socket, transfer)
    {
        protected override bool Step(CallEnding ending)
        {
            if (Receive(data, ending) is not { } received)
            {
                return false;
            }

            if (!received.IsEmpty)
            {
                Transfer.Compare(received.Span);
                Transfer.Note(received.Span);
            }

            return true;
        }
    }

    private sealed class BulkEcho(SocketData data, VsockSocket socket, Transfer transfer) : BulkCall(socket, transfer)
    {
        private ReadOnlyMemory<byte> rest;
        private Sending? back;

        protected override bool IsBusy => !rest.IsEmpty;

        protected override bool Step(CallEnding ending)
        {
            if (rest.IsEmpty)
            {
                if (Receive(data, ending) is not { } received)
                {
                    return false;
                }

                if (received.IsEmpty)
                {
                    return true;
                }

                // The bytes are copied: the transfer's buffer is used again for the next chunk.
                rest = received.ToArray();
                Transfer.Note(received.Span);
            }

            back ??= new Sending(data, Socket, rest, Transfer.Options);
            if (back.Advance(ending) is not { } result)
            {
                return false;
            }

            back = null;
            rest = result < 0 ? default : rest[result..];
            if (result < 0)
            {
                Transfer.Fail(-result);
            }

            return true;
        }
    }
}
