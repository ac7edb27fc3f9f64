using System.Runtime.InteropServices;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>What is timed in the guest, where nothing but its sockets is in the time.</summary>
internal static class MeasuredCalls
{
    /// <summary>Sends a piece, waits until it has come back, compares it; then the next.</summary>
    public static byte[] RoundTrips(CallContext context, ref MessageReader reader)
    {
        int fd = context.Descriptors.Checked(reader.Int32());
        int flags = reader.Int32();
        ulong seed = reader.UInt64();
        byte[] room = new byte[Positive(ref reader, AgentProtocol.RepeatPeriod)];
        int times = Positive(ref reader, AgentProtocol.MaxMeasured);
        reader.End();
        RepeatedSeed stream = new(seed, room.Length);
        int done = 0;
        long difference = -1;
        Latencies latencies = new();
        CallResult failure = default;
        while (done < times && difference < 0 && failure.Errno == 0)
        {
            ulong place = (ulong)done * (ulong)room.Length;
            failure = There(context, fd, flags, stream.At(place, room.Length));
            failure = failure.Errno == 0 ? Back(context, fd, room) : failure;
            if (failure.Errno == 0)
            {
                latencies.Record();
                difference = stream.FirstDifference(place, room) < 0 ? -1 : done;
                done++;
            }
        }

        return latencies.Write(new CallResult(done, failure.Errno).Begin().Add(latencies.Ticks).Add(difference)).Written.ToArray();
    }

    /// <summary>Makes a socket, connects it, closes it; then the next. Only the connect is a time of its own.</summary>
    public static byte[] Connects(CallContext context, ref MessageReader reader)
    {
        int family = reader.Int32();
        int type = reader.Int32();
        byte[] address = SocketCalls.ReadAddress(ref reader, out uint length);
        int times = Positive(ref reader, AgentProtocol.MaxMeasured);
        reader.End();
        int done = 0;
        Latencies latencies = new();
        CallResult failure = family == SocketCalls.Vsock && !context.IsGuest ? CallResult.Failed(SocketCalls.FamilyNotSupported) : default;
        while (done < times && failure.Errno == 0)
        {
            CallResult socket = CallResult.Of(Libc.Socket(family, type | Libc.CloseOnExec, 0));
            failure = socket;
            if (socket.Errno != 0)
            {
                break;
            }

            latencies.Mark();
            failure = CallResult.Of(Libc.Connect((int)socket.Value, ref address[0], length));
            if (failure.Errno == 0)
            {
                latencies.Record();
                done++;
            }

            _ = Libc.Close((int)socket.Value);
            failure = failure.Errno == 0 && context.IsCancelled ? CallResult.Failed(Libc.Eintr) : failure;
        }

        return latencies.Write(new CallResult(done, failure.Errno).Begin().Add(latencies.Ticks)).Written.ToArray();
    }

    private static CallResult There(CallContext context, int fd, int flags, ReadOnlySpan<byte> data)
    {
        CallResult failure = default;
        while (!data.IsEmpty && failure.Errno == 0)
        {
            nint sent = Libc.Send(fd, ref MemoryMarshal.GetReference(data), data.Length, flags);
            failure = Failure(context, sent);
            data = data[(int)Math.Max(sent, 0)..];
        }

        return failure;
    }

    private static CallResult Back(CallContext context, int fd, Span<byte> room)
    {
        CallResult failure = default;
        while (!room.IsEmpty && failure.Errno == 0)
        {
            nint received = Libc.Receive(fd, ref room[0], room.Length, 0);
            failure = received == 0 ? CallResult.Failed(Libc.Epipe) : Failure(context, received);
            room = room[(int)Math.Max(received, 0)..];
        }

        return failure;
    }

    private static CallResult Failure(CallContext context, nint result)
    {
        CallResult call = CallResult.Of(result);
        return call.Errno == 0 && context.IsCancelled ? CallResult.Failed(Libc.Eintr) : call;
    }

    private static int Positive(ref MessageReader reader, int limit) => reader.Count(limit) is > 0 and var count
        ? count
        : throw new MalformedMessageException("a measurement of nothing");
}
