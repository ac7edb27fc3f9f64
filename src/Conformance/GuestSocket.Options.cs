using Vsockspec.Guests;
using Vsockspec.Interop;

namespace Vsockspec.Conformance;

/// <content>Options.</content>
internal sealed partial class GuestSocket
{
    /// <summary>SO_VM_SOCKETS_BUFFER_SIZE and the bounds that it is kept within.</summary>
    private const int BufferSize = 0;
    private const int BufferMinSize = 1;
    private const int BufferMaxSize = 2;

    /// <summary>SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD, a struct timeval.</summary>
    private const int ConnectTimeout = 6;

    private const int SolSocket = 1;
    private const int SoError = 4;
    private const int SoLinger = 13;
    private const int SoReceiveLowWater = 18;
    private const int SoReceiveTimeout = 20;
    private const int SoZeroCopy = 60;

    /// <summary>Makes the socket's buffer so large, and lets nothing change that: what its end of a flow tells as buf_alloc.</summary>
    public void SetBuffer(ulong bytes)
    {
        // The size is kept within the bounds, which each call may move past it.
        SetVsockOption(BufferMaxSize, Math.Max(bytes, DefaultBuffer));
        SetVsockOption(BufferMinSize, Math.Min(bytes, DefaultBuffer));
        SetVsockOption(BufferSize, bytes);
        SetVsockOption(BufferMaxSize, bytes);
        SetVsockOption(BufferMinSize, bytes);
    }

    public ulong Buffer() => BitConverter.ToUInt64(c.Await(Agent.GetOption(fd, VsockAddress.Family, BufferSize, sizeof(ulong))).Value);

    public void SetConnectTimeout(TimeSpan time) =>
        c.Await(Agent.SetOption(fd, VsockAddress.Family, ConnectTimeout, TimeVal(time))).OrThrow("setsockopt(SO_VM_SOCKETS_CONNECT_TIMEOUT)");

    public void SetReceiveTimeout(TimeSpan time) => SetSocketOption(SoReceiveTimeout, TimeVal(time)).OrThrow("setsockopt(SO_RCVTIMEO)");

    public GuestResult SetReceiveLowWater(int bytes) => SetSocketOption(SoReceiveLowWater, BitConverter.GetBytes(bytes));

    /// <summary>close(2) waits so long for the peer.</summary>
    public void SetLinger(int seconds) =>
        SetSocketOption(SoLinger, [.. BitConverter.GetBytes(1), .. BitConverter.GetBytes(seconds)]).OrThrow("setsockopt(SO_LINGER)");

    public GuestResult SetZeroCopy() => SetSocketOption(SoZeroCopy, BitConverter.GetBytes(1));

    /// <summary>SO_ERROR, which is cleared by asking.</summary>
    public int TakeError() => BitConverter.ToInt32(c.Await(Agent.GetOption(fd, SolSocket, SoError, sizeof(int))).Value);

    /// <summary>SIOCINQ: bytes that wait to be received.</summary>
    public GuestValue<uint> UnreadBytes() => c.Await(Agent.UnreadBytes(fd));

    /// <summary>SIOCOUTQ: bytes that the peer has not taken out of its buffer.</summary>
    public GuestValue<uint> UnsentBytes() => c.Await(Agent.UnsentBytes(fd));

    private GuestResult SetSocketOption(int name, byte[] value) => c.Await(Agent.SetOption(fd, SolSocket, name, value));

    private void SetVsockOption(int name, ulong value) =>
        c.Await(Agent.SetOption(fd, VsockAddress.Family, name, BitConverter.GetBytes(value))).OrThrow("setsockopt(SO_VM_SOCKETS_BUFFER_SIZE)");

    private static byte[] TimeVal(TimeSpan time) => [.. BitConverter.GetBytes((long)time.TotalSeconds), .. BitConverter.GetBytes((long)time.Microseconds + (1000L * time.Milliseconds))];

    private const ulong DefaultBuffer = 256 * 1024;
}
