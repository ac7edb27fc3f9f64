namespace Vsockspec.Guests.Protocol;

/// <summary>
/// What the agent in a guest and its client agree on. These sources are compiled into both; a change of any byte here, but not a further call, is a new
/// <see cref="Version"/>.
/// </summary>
public static class AgentProtocol
{
    public const byte Version = 2;

    /// <summary>Bytes of one message, at most: the channel carries calls, not bulk.</summary>
    public const int MaxPayload = 64 << 10;

    /// <summary>Data that one call carries in a message, in bytes; leaves room for what stands beside it.</summary>
    public const int MaxInline = 60 << 10;

    /// <summary>Bytes that one send or receive may move when they come from a seed, or are only compared.</summary>
    public const int MaxSeeded = 4 << 20;

    /// <summary>A repeated seed's stream begins anew after so many bytes.</summary>
    public const int RepeatPeriod = 64 << 10;

    /// <summary>Round trips, or connects, of one call.</summary>
    public const int MaxMeasured = 10_000_000;

    /// <summary>Buckets of a latency, see <see cref="LatencyBuckets"/>.</summary>
    public const int MaxBuckets = 4352;

    /// <summary>What a measured receive sends before it receives: the sender's time begins with it.</summary>
    public const byte Ready = 5;

    /// <summary>What a measured receive sends back when everything has come and was compared.</summary>
    public const byte Acknowledgement = 6;

    /// <summary>Parts of a scattered buffer, as the kernel allows (UIO_MAXIOV).</summary>
    public const int MaxParts = 1024;

    /// <summary>Descriptors in one poll, and events of one epoll_wait.</summary>
    public const int MaxEvents = 1024;

    /// <summary>Arguments of a program, beside its name.</summary>
    public const int MaxArguments = 256;

    /// <summary>Calls that may be under way at a time; more are refused with EAGAIN.</summary>
    public const int MaxConcurrentCalls = 512;

    /// <summary>The kernel's command line names the agent's channel: <c>vsockspec.channel=/dev/ttyS0</c>.</summary>
    public const string ChannelOption = "vsockspec.channel";

    /// <summary>The kernel's command line names a terminal that gets a shell: <c>vsockspec.shell=/dev/ttyS1</c>.</summary>
    public const string ShellOption = "vsockspec.shell";

    /// <summary>The modules to load, one path a line, in the image.</summary>
    public const string ModuleList = "/lib/vsockspec/modules";

    /// <summary>Stands for the errno of a call that the agent refuses before it asks the kernel: no system has an error of that number.</summary>
    public const int Malformed = 1 << 16;
}
