using System.Text;
using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>How one reference device is set up. <see cref="Validate"/> says what is wrong with it, if anything.</summary>
public sealed record ReferenceOptions
{
    private const int LongestSuffix = 11;
    private const double MostSlowBy = 10;

    /// <summary>Path of the vhost-user socket to listen on; null when <see cref="Fd"/> is given.</summary>
    public string? Socket { get; init; }

    /// <summary>A descriptor inherited from the parent: a listening vhost-user socket or a connected one.</summary>
    public int? Fd { get; init; }

    /// <summary>Path of the hybrid Unix socket that host applications connect to, and prefix of those that the device connects to.</summary>
    public required string Uds { get; init; }

    public required ulong GuestCid { get; init; }

    /// <summary>Receive buffer of one flow in bytes: <c>buf_alloc</c> in every packet.</summary>
    public uint BufferBytes { get; init; } = 256 * 1024;

    /// <summary>Flows that may exist at a time, host connections that have not named their port yet included.</summary>
    public int MaxConnections { get; init; } = 1024;

    /// <summary>How long a guest may leave a SHUTDOWN without the RST that answers it (virtio 1.4 section 5.10.6.5).</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a guest may leave a REQUEST, and a host application its CONNECT line, unanswered or unfinished.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Features not to offer.</summary>
    public VirtioFeatures WithheldFeatures { get; init; }

    /// <summary>The device spends this part more of processor time than its work takes, 0.05 for 5 %: to prove that a measurement finds it.</summary>
    public double SlowBy { get; init; }

    /// <summary>Null when the device can be started, else what to change, naming the option.</summary>
    public string? Validate()
    {
        if (Cid.IsReserved(GuestCid))
        {
            return $"--cid {GuestCid}: this context identifier is reserved (virtio 1.4 section 5.10.4); use 3 to 4294967294";
        }

        if (GuestCid > uint.MaxValue)
        {
            return $"--cid {GuestCid}: the upper 32 bits of a context identifier are zero (virtio 1.4 section 5.10.4); use 3 to 4294967294";
        }

        if ((Socket is null) == (Fd is null))
        {
            return "give either --socket PATH or --fd N";
        }

        if (Socket is not null && Encoding.UTF8.GetByteCount(Socket) is 0 or > ScatterSocket.MaxPathBytes)
        {
            return $"--socket {Socket}: a Unix socket path has 1 to {ScatterSocket.MaxPathBytes} bytes";
        }

        int longestUds = ScatterSocket.MaxPathBytes - LongestSuffix;
        if (Encoding.UTF8.GetByteCount(Uds) is var bytes && (bytes == 0 || bytes > longestUds))
        {
            return $"--uds {Uds}: this path has 1 to {longestUds} bytes, so that a port number fits behind it";
        }

        if (BufferBytes is < 1024 or > 64 * 1024 * 1024)
        {
            return $"--buffer {BufferBytes}: use 1024 to 67108864 bytes";
        }

        if (MaxConnections is < 1 or > 65536)
        {
            return $"--max-connections {MaxConnections}: use 1 to 65536";
        }

        if (CloseTimeout < TimeSpan.FromMilliseconds(1))
        {
            return $"--close-timeout-ms {CloseTimeout.TotalMilliseconds}: use 1 or more";
        }

        if (SlowBy is not (>= 0 and <= MostSlowBy))
        {
            return $"--slow-by {SlowBy * 100}: use 0 to {MostSlowBy * 100} percent";
        }

        return ConnectTimeout < TimeSpan.FromMilliseconds(1) ? $"--connect-timeout-ms {ConnectTimeout.TotalMilliseconds}: use 1 or more" : null;
    }
}
