using System.Diagnostics;
using System.Runtime.InteropServices;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>Long transfers that run inside the guest: many system calls for one request.</summary>
internal static class BulkCalls
{
    private const int Interrupted = Libc.Eintr;

    /// <summary>Sends a piece of a seed's stream, chunk by chunk, until all is sent or the socket refuses.</summary>
    public static byte[] Send(CallContext context, ref MessageReader reader)
    {
        Transfer transfer = Transfer.Read(context, ref reader);
        while (transfer.Left > 0 && transfer.Go)
        {
            Span<byte> data = transfer.Buffer.AsSpan(0, (int)Math.Min(transfer.Left, (ulong)transfer.Buffer.Length));
            SeedStream.Fill(transfer.Seed, transfer.Place + transfer.Moved, data);
            transfer.Note(Libc.Send(transfer.Fd, ref data[0], data.Length, transfer.Flags), data);
        }

        return transfer.ToReply();
    }

    /// <summary>Receives until the count is reached, the peer sends no more, or the socket refuses; compares with the seed's stream.</summary>
    public static byte[] Receive(CallContext context, ref MessageReader reader)
    {
        Transfer transfer = Transfer.Read(context, ref reader);
        byte[] scratch = new byte[transfer.Buffer.Length];
        while (transfer.Left > 0 && transfer.Go)
        {
            Span<byte> data = transfer.Buffer.AsSpan(0, (int)Math.Min(transfer.Left, (ulong)transfer.Buffer.Length));
            ulong before = transfer.Moved;
            transfer.Note(Libc.Receive(transfer.Fd, ref data[0], data.Length, transfer.Flags), data);
            if (transfer.FirstDifference < 0)
            {
                int length = (int)Math.Min(transfer.Moved - before, (ulong)data.Length);
                int difference = SeedStream.FirstDifference(transfer.Seed, transfer.Place + before, data[..length], scratch);
                transfer.FirstDifference = difference < 0 ? -1 : (long)before + difference;
            }
        }

        return transfer.ToReply();
    }

    /// <summary>As <see cref="Send"/>, of a repeated seed's stream, which is made before the time begins.</summary>
    public static byte[] RepeatSend(CallContext context, ref MessageReader reader)
    {
        Transfer transfer = Transfer.Read(context, ref reader);
        RepeatedSeed stream = new(transfer.Seed, transfer.Buffer.Length);
        transfer.BeginTime();
        while (transfer.Left > 0 && transfer.Go)
        {
            ReadOnlySpan<byte> data = stream.At(transfer.Place + transfer.Moved, (int)Math.Min(transfer.Left, (ulong)transfer.Buffer.Length));
            transfer.Note(Libc.Send(transfer.Fd, ref MemoryMarshal.GetReference(data), data.Length, transfer.Flags), data.Length);
        }

        return transfer.ToUncheckedReply();
    }

    /// <summary>
    /// As <see cref="Receive"/>, of a repeated seed's stream. Ends with the first difference. A byte to whoever measures at the other end says that it begins, and another that all has
    /// come without a difference.
    /// </summary>
    public static byte[] RepeatReceive(CallContext context, ref MessageReader reader)
    {
        Transfer transfer = Transfer.Read(context, ref reader);
        RepeatedSeed stream = new(transfer.Seed, transfer.Buffer.Length);
        transfer.BeginTime();
        transfer.Tell(AgentProtocol.Ready);
        while (transfer.Left > 0 && transfer.Go && transfer.FirstDifference < 0)
        {
            Span<byte> data = transfer.Buffer.AsSpan(0, (int)Math.Min(transfer.Left, (ulong)transfer.Buffer.Length));
            ulong before = transfer.Moved;
            transfer.Note(Libc.Receive(transfer.Fd, ref data[0], data.Length, transfer.Flags), data.Length);
            int difference = stream.FirstDifference(transfer.Place + before, data[..(int)(transfer.Moved - before)]);
            transfer.FirstDifference = difference < 0 ? -1 : (long)before + difference;
        }

        if (transfer.Left == 0 && transfer.Go && transfer.FirstDifference < 0)
        {
            transfer.Tell(AgentProtocol.Acknowledgement);
        }

        return transfer.ToUncheckedReply();
    }

    /// <summary>Sends back what comes until the count is reached, the peer sends no more, or the socket refuses.</summary>
    public static byte[] Echo(CallContext context, ref MessageReader reader)
    {
        Transfer transfer = Transfer.Read(context, ref reader);
        while (transfer.Left > 0 && transfer.Go)
        {
            Span<byte> data = transfer.Buffer.AsSpan(0, (int)Math.Min(transfer.Left, (ulong)transfer.Buffer.Length));
            ulong before = transfer.Moved;
            transfer.Note(Libc.Receive(transfer.Fd, ref data[0], data.Length, 0), data);
            Span<byte> back = data[..(int)(transfer.Moved - before)];
            while (!back.IsEmpty && !transfer.HasFailed)
            {
                nint sent = Libc.Send(transfer.Fd, ref back[0], back.Length, transfer.Flags);
                transfer.NoteFailure(sent);
                back = back[(int)Math.Max(sent, 0)..];
            }
        }

        return transfer.ToReply();
    }

    /// <summary>How far one transfer is.</summary>
    private sealed class Transfer
    {
        private readonly CallContext _context;
        private readonly ulong _total;
        private long _begin = Stopwatch.GetTimestamp();
        private uint _checksum = Checksum.Begin;
        private uint _calls;
        private bool _ended;
        private CallResult _failure;

        private Transfer(CallContext context, int fd, int flags, ulong seed, ulong place, ulong total, int chunk)
        {
            _context = context;
            Fd = fd;
            Flags = flags;
            Seed = seed;
            Place = place;
            _total = total;
            Buffer = GC.AllocateUninitializedArray<byte>(chunk);
        }

        public int Fd { get; }

        public int Flags { get; }

        public ulong Seed { get; }

        public ulong Place { get; }

        public byte[] Buffer { get; }

        public ulong Moved { get; private set; }

        public ulong Left => _total - Moved;

        public bool HasFailed => _failure.Errno != 0;

        public bool Go => !_ended && !HasFailed;

        public long FirstDifference { get; set; } = -1;

        public static Transfer Read(CallContext context, ref MessageReader reader)
        {
            int fd = context.Descriptors.Checked(reader.Int32());
            int flags = reader.Int32();
            ulong seed = reader.UInt64();
            ulong place = reader.UInt64();
            ulong total = reader.UInt64();
            int chunk = reader.Count(AgentProtocol.MaxSeeded);
            reader.End();
            return chunk > 0
                ? new Transfer(context, fd, flags, seed, place, total, chunk)
                : throw new MalformedMessageException("a transfer in chunks of nothing");
        }

        /// <summary>The time begins now, not when the request was read.</summary>
        public void BeginTime() => _begin = Stopwatch.GetTimestamp();

        /// <summary>Takes in what one system call did, and the bytes that it moved.</summary>
        public void Note(nint moved, ReadOnlySpan<byte> data)
        {
            Note(moved, data.Length);
            _checksum = Checksum.Add(_checksum, data[..(int)Math.Clamp(moved, 0, data.Length)]);
        }

        /// <summary>Takes in what one system call did.</summary>
        /// <param name="room">What it could have moved at most; with MSG_TRUNC it says more than it stored.</param>
        public void Note(nint moved, int room)
        {
            NoteFailure(moved);
            _ended |= moved == 0;
            if (moved > 0)
            {
                Moved += (ulong)Math.Min(moved, room);
                _calls++;
            }
        }

        /// <summary>Sends one byte that is no part of the transfer.</summary>
        public void Tell(byte word) => NoteFailure(Libc.Send(Fd, ref word, 1, Libc.NoSignal));

        public void NoteFailure(nint result)
        {
            CallResult call = CallResult.Of(result);
            if (call.Errno != 0)
            {
                _failure = call;
            }
            else if (_context.IsCancelled)
            {
                _failure = CallResult.Failed(Interrupted);
            }
        }

        public byte[] ToReply() => ToReply(Checksum.End(_checksum));

        /// <summary>Of a transfer of which no checksum was made.</summary>
        public byte[] ToUncheckedReply() => ToReply(0);

        private byte[] ToReply(uint checksum) => new CallResult((long)Moved, _failure.Errno).Begin()
            .Add(Stopwatch.GetElapsedTime(_begin).Ticks)
            .Add(_calls)
            .Add(checksum)
            .Add(FirstDifference)
            .Add(_ended)
            .Written.ToArray();
    }
}
