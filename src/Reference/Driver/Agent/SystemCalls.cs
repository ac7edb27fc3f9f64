using System.Diagnostics;
using System.Text;
using Vsockspec.Guests.Protocol;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>What the guest as a whole tells: the few files that the suite reads, and the log.</summary>
internal sealed class SystemCalls(DescriptorTable descriptors, AddressBook addresses, DriverIdentity identity, DriverLog log)
{
    /// <summary>A guest of which only the driver exists has as much memory as one likes; what counts is how it changes.</summary>
    private const long MemoryKiB = 256 << 10;

    private const int TicksPerSecond = 100;

    private readonly long begin = Stopwatch.GetTimestamp();

    public TimeSpan UpTime => Stopwatch.GetElapsedTime(begin);

    public byte[] ReadFile(ref MessageReader reader)
    {
        string path = reader.Text();
        int limit = reader.Count(AgentProtocol.MaxInline);
        reader.End();
        string? content = path switch
        {
            "/proc/net/sockstat" => $"sockets: used {CountSockets()}\n",
            "/proc/stat" => ProcessorTimes(),
            "/proc/meminfo" => MemoryUse(),
            "/sys/bus/virtio/devices/virtio0/device" => "0x0013\n",
            "/sys/bus/virtio/devices/virtio0/features" => FeatureBits() + "\n",
            _ => null,
        };
        if (content is null)
        {
            return CallReply.WithBytes(-1, LinuxErrno.NoSuchFile, []);
        }

        byte[] bytes = Encoding.ASCII.GetBytes(content);
        int length = Math.Min(limit, bytes.Length);
        return CallReply.WithBytes(length, 0, bytes.AsSpan(0, length));
    }

    public byte[] KernelLog(ref MessageReader reader)
    {
        ulong from = reader.UInt64();
        reader.End();
        byte[] text = log.Read(from, AgentProtocol.MaxInline, out ulong next);
        return CallReply.WithBytes((long)next, 0, text);
    }

    /// <summary>There are no programs in this guest.</summary>
    public static byte[] Execute() => CallReply.Begin(-1, LinuxErrno.NotImplemented).Add(0UL).Add(ReadOnlySpan<byte>.Empty).Written.ToArray();

    /// <summary>Those with a descriptor, and those whose flow is not over or which nobody has accepted yet.</summary>
    private int CountSockets() => descriptors.Open.OfType<VsockSocket>().Concat(addresses.Flows).Concat(addresses.Bound.SelectMany(l => l.Backlog)).Distinct().Count();

    private string ProcessorTimes()
    {
        long busy = (long)(Environment.CpuUsage.TotalTime.TotalSeconds * TicksPerSecond);
        long idle = Math.Max(0, (long)(UpTime.TotalSeconds * TicksPerSecond) - busy);
        return $"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\n";
    }

    private string MemoryUse()
    {
        long held = addresses.Flows.Sum(s => (long)s.Received.Bytes + s.Unsent.Rest.Length) >> 10;
        return $"MemTotal: {MemoryKiB} kB\nMemAvailable: {MemoryKiB - held} kB\nSlab: {CountSockets()} kB\n";
    }

    private string FeatureBits()
    {
        const int Bits = 64;
        return string.Create(Bits, identity.Features, (target, features) =>
        {
            for (int i = 0; i < Bits; i++)
            {
                target[i] = features.HasFlag((VirtioFeatures)(1UL << i)) ? '1' : '0';
            }
        });
    }
}
