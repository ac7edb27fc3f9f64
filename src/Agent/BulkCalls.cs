using System.Diagnostics;
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
        private readonly long _begin = Stopwatch.GetTimestamp();
        private readonly ulong _total;
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

        /// <summary>Takes in what one system call did.</summary>
        public void Note(nint moved, ReadOnlySpan<byte> data)
        {
            NoteFailure(moved);
            _ended |= moved == 0;
            if (moved > 0)
            {
                // With MSG_TRUNC more than what was stored.
                _checksum = Checksum.Add(_checksum, data[..(int)Math.Min(moved, data.Length)]);
                Moved += (ulong)Math.Min(moved, data.Length);
                _calls++;
            }
        }

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

        public byte[] ToReply() => new CallResult((long)Moved, _failure.Errno).Begin()
            .Add(Stopwatch.GetElapsedTime(_begin).Ticks)
            .Add(_calls)
            .Add(Checksum.End(_checksum))
            .Add(FirstDifference)
            .Add(_ended)
            .Written.ToArray();
    }
}
