using System.Diagnostics;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>Times that were measured, in the buckets of the protocol. They begin one after the other: no clock is read twice between two of them.</summary>
internal sealed class Latencies
{
    private readonly uint[] _buckets = new uint[AgentProtocol.MaxBuckets];
    private readonly long _begin = Stopwatch.GetTimestamp();
    private long _mark = Stopwatch.GetTimestamp();
    private long _lowest = long.MaxValue;
    private long _highest;

    /// <summary>The next time begins now.</summary>
    public void Mark() => _mark = Stopwatch.GetTimestamp();

    /// <summary>The time since the mark is one; the next begins now.</summary>
    public void Record()
    {
        long now = Stopwatch.GetTimestamp();
        long nanoseconds = (now - _mark) * (1_000_000_000 / Stopwatch.Frequency);
        _mark = now;
        _buckets[LatencyBuckets.Of(nanoseconds)]++;
        _lowest = Math.Min(_lowest, nanoseconds);
        _highest = Math.Max(_highest, nanoseconds);
    }

    /// <summary>From the beginning until now, in units of 100 ns.</summary>
    public long Ticks => Stopwatch.GetElapsedTime(_begin).Ticks;

    /// <summary>The shortest, the longest, and the buckets that hold something.</summary>
    public MessageWriter Write(MessageWriter reply)
    {
        reply.Add(_highest == 0 && _lowest == long.MaxValue ? 0 : _lowest).Add(_highest).Add(_buckets.Count(b => b > 0));
        for (int i = 0; i < _buckets.Length; i++)
        {
            if (_buckets[i] > 0)
            {
                reply.Add((short)i).Add(_buckets[i]);
            }
        }

        return reply;
    }
}
