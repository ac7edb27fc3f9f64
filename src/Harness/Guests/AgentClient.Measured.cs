using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;

namespace Vsockspec.Guests;

/// <summary>Times that were measured in a guest.</summary>
/// <param name="Lowest">The shortest, in nanoseconds; 0 when there is none.</param>
/// <param name="Highest">The longest, in nanoseconds.</param>
/// <param name="Buckets">Those of <see cref="LatencyBuckets"/> that hold something, in order: which, and how many times.</param>
public sealed record GuestLatencies(long Lowest, long Highest, IReadOnlyList<(int Bucket, uint Count)> Buckets)
{
    public long Count => Buckets.Sum(b => (long)b.Count);

    /// <exception cref="MalformedMessageException">They are not as agreed, or not as many as <paramref name="count"/>.</exception>
    internal static GuestLatencies Read(ref MessageReader reader, long count)
    {
        long lowest = reader.Int64();
        long highest = reader.Int64();
        (int Bucket, uint Count)[] buckets = new (int, uint)[reader.Count(AgentProtocol.MaxBuckets)];
        for (int i = 0, next = 0; i < buckets.Length; i++)
        {
            buckets[i] = (reader.Int16(), reader.UInt32());
            if (buckets[i].Bucket < next || buckets[i].Bucket >= AgentProtocol.MaxBuckets || buckets[i].Count == 0)
            {
                throw new MalformedMessageException($"bucket {buckets[i].Bucket} with {buckets[i].Count} times at its place");
            }

            next = buckets[i].Bucket + 1;
        }

        GuestLatencies latencies = new(lowest, highest, buckets);
        bool fits = buckets is [] ? lowest == 0 && highest == 0 : LatencyBuckets.Of(lowest) == buckets[0].Bucket && LatencyBuckets.Of(highest) == buckets[^1].Bucket;
        return latencies.Count == count && fits && lowest >= 0 && lowest <= highest
            ? latencies
            : throw new MalformedMessageException($"{latencies.Count} times from {lowest} to {highest} ns for {count}");
    }
}

/// <summary>What many round trips came to.</summary>
/// <param name="Result">How many there were, also when an error ended them.</param>
/// <param name="Time">All of them together, by the guest's clock.</param>
/// <param name="FirstDifference">The first round trip that brought back other bytes; it was the last. -1: none did.</param>
public sealed record GuestRoundTrips(GuestResult Result, TimeSpan Time, long FirstDifference, GuestLatencies Latencies);

/// <summary>What many connects came to.</summary>
/// <param name="Result">How many there were, also when an error ended them.</param>
/// <param name="Time">All of them with their sockets made and closed, by the guest's clock.</param>
/// <param name="Latencies">Of connect(2) alone.</param>
public sealed record GuestConnects(GuestResult Result, TimeSpan Time, GuestLatencies Latencies);

public sealed partial class AgentClient
{
    /// <summary>As <see cref="BulkSend"/>, of a <see cref="RepeatedSeed"/> that the guest makes before the time begins; there is no checksum.</summary>
    public Task<GuestTransfer> RepeatSend(int fd, ulong seed, ulong total, int chunk, CallLimit limit = default) =>
        Transfer(AgentCall.RepeatSend, fd, NoSignal, (seed, 0), total, chunk, limit);

    /// <summary>
    /// As <see cref="BulkReceive"/>, of a <see cref="RepeatedSeed"/>. A difference ends it. The guest sends <see cref="AgentProtocol.Ready"/> over the connection before it receives, and
    /// <see cref="AgentProtocol.Acknowledgement"/> when all has come without a difference.
    /// </summary>
    public Task<GuestTransfer> RepeatReceive(int fd, ulong seed, ulong total, int chunk, CallLimit limit = default) =>
        Transfer(AgentCall.RepeatReceive, fd, 0, (seed, 0), total, chunk, limit);

    /// <summary>Sends a piece of a <see cref="RepeatedSeed"/> and waits for its echo, time after time.</summary>
    /// <param name="size">Bytes of a piece, up to <see cref="AgentProtocol.RepeatPeriod"/>.</param>
    /// <param name="times">Up to <see cref="AgentProtocol.MaxMeasured"/>.</param>
    public Task<GuestRoundTrips> RoundTrips(int fd, ulong seed, int size, int times, CallLimit limit = default) => Full(
        AgentCall.RoundTrips,
        Begin(AgentCall.RoundTrips).Add(fd).Add(NoSignal).Add(seed).Add(size).Add(times),
        (GuestResult result, ref MessageReader more) =>
            new GuestRoundTrips(result, new TimeSpan(more.Int64()), more.Int64(), GuestLatencies.Read(ref more, result.Value)),
        limit);

    /// <summary>Makes a stream socket, connects it and closes it, time after time.</summary>
    /// <param name="address">As <see cref="Connect(int, byte[], CallLimit)"/> takes it.</param>
    /// <param name="times">Up to <see cref="AgentProtocol.MaxMeasured"/>.</param>
    public Task<GuestConnects> Connects(int family, byte[] address, int times, CallLimit limit = default) => Full(
        AgentCall.Connects,
        Begin(AgentCall.Connects).Add(family).Add(StreamSocket).Add(address).Add(times),
        (GuestResult result, ref MessageReader more) => new GuestConnects(result, new TimeSpan(more.Int64()), GuestLatencies.Read(ref more, result.Value)),
        limit);

    /// <inheritdoc cref="Connects(int, byte[], int, CallLimit)"/>
    public Task<GuestConnects> Connects(VsockAddress address, int times, CallLimit limit = default) =>
        Connects(VsockAddress.Family, Bytes(address), times, limit);
}
