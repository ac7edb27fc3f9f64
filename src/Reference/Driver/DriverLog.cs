using System.Diagnostics;
using System.Text;

namespace Vsockspec.Reference.Driver;

/// <summary>
/// What the driver has to report, in the form of a kernel's log (Documentation/ABI/testing/dev-kmsg). Bounded: the oldest records make room.
/// </summary>
/// <param name="sink">Hears every message too; null: nobody does.</param>
internal sealed class DriverLog(Action<string>? sink)
{
    private const int MaxRecords = 1000;
    private const int ErrorLevel = 3;

    private readonly Queue<string> records = new();
    private readonly long begin = Stopwatch.GetTimestamp();

    /// <summary>Number of the record that comes next.</summary>
    public ulong Next { get; private set; }

    /// <summary>Reports an error of the device.</summary>
    public void Error(string message)
    {
        long microseconds = (long)Stopwatch.GetElapsedTime(begin).TotalMicroseconds;
        records.Enqueue($"{ErrorLevel},{Next++},{microseconds},-;virtio_vsock virtio0: {message}\n");
        if (records.Count > MaxRecords)
        {
            records.Dequeue();
        }

        sink?.Invoke(message);
    }

    /// <summary>Records from a number on, as many as fit.</summary>
    /// <param name="next">The first that is not among them.</param>
    public byte[] Read(ulong from, int room, out ulong next)
    {
        StringBuilder text = new();
        next = Next - (ulong)records.Count;
        foreach (string record in records)
        {
            if (next >= from)
            {
                // The messages are ASCII: a character is a byte.
                if (text.Length + record.Length > room)
                {
                    break;
                }

                text.Append(record);
            }

            next++;
        }

        return Encoding.ASCII.GetBytes(text.ToString());
    }
}
