namespace Vsockspec.Reference.Driver;

/// <summary>What setsockopt(2) sets, with the defaults of Linux.</summary>
internal sealed class SocketOptions
{
    public static readonly TimeSpan DefaultConnectTimeout = TimeSpan.FromSeconds(2);

    /// <summary>An array holds no more.</summary>
    private const ulong MostBytes = 1 << 30;

    private const ulong DefaultBuffer = 256 * 1024;
    private const ulong DefaultMinimum = 128;

    private ulong minimum = DefaultMinimum;
    private ulong maximum = DefaultBuffer;
    private ulong buffer = DefaultBuffer;

    /// <summary>SO_VM_SOCKETS_BUFFER_SIZE: kept within its bounds, of which the lower one wins, as in Linux.</summary>
    public ulong Buffer { get => buffer; set => buffer = Math.Max(Math.Min(value, maximum), minimum); }

    public ulong Minimum
    {
        get => minimum;
        set
        {
            minimum = value;
            Buffer = buffer;
        }
    }

    public ulong Maximum
    {
        get => maximum;
        set
        {
            maximum = value;
            Buffer = buffer;
        }
    }

    /// <summary>The buffer as a flow has it.</summary>
    public uint BufAlloc => (uint)Math.Min(buffer, MostBytes);

    public TimeSpan ConnectTimeout { get; set; } = DefaultConnectTimeout;

    /// <summary>SO_RCVTIMEO; null: no limit.</summary>
    public TimeSpan? ReceiveTimeout { get; set; }

    /// <summary>SO_SNDTIMEO; null: no limit.</summary>
    public TimeSpan? SendTimeout { get; set; }

    /// <summary>SO_RCVLOWAT.</summary>
    public int LowWater { get; set; } = 1;

    /// <summary>SO_LINGER in seconds; null: off.</summary>
    public int? Linger { get; set; }

    /// <summary>A connection that a listener takes has its buffer.</summary>
    public void InheritFrom(SocketOptions listener)
    {
        minimum = listener.minimum;
        maximum = listener.maximum;
        buffer = listener.buffer;
        ConnectTimeout = listener.ConnectTimeout;
    }
}
