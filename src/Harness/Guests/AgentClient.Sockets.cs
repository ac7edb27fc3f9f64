using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Guests;

/// <summary>A connection that was accepted, or not.</summary>
/// <param name="Address">The peer's, as the kernel laid it out; empty when the call failed.</param>
public readonly record struct GuestAddressResult(GuestResult Result, byte[] Address)
{
    /// <summary>The address as a vsock address.</summary>
    /// <exception cref="GuestException">It is shorter than one.</exception>
    public VsockAddress Vsock => Address.Length >= VsockAddress.Size
        ? VsockAddress.Read(Address)
        : throw new GuestException($"an address of {Address.Length} bytes is no vsock address");
}

/// <summary>A value that a call gave beside its result.</summary>
public readonly record struct GuestValue<T>(GuestResult Result, T Value);

public sealed partial class AgentClient
{
    private const int StreamSocket = 1;
    private const int SeqpacketSocket = 5;
    private const int NonBlockingSocket = 0x800;

    /// <summary>linux/sockios.h SIOCINQ: bytes that wait to be read.</summary>
    private const uint Siocinq = 0x541b;

    /// <summary>linux/sockios.h SIOCOUTQ: bytes that the peer has not read.</summary>
    private const uint Siocoutq = 0x5411;

    /// <summary>A vsock socket; the result is its descriptor in the guest.</summary>
    public Task<GuestResult> Socket(SocketType type, bool nonBlocking = false) =>
        Socket(VsockAddress.Family, (type == SocketType.Stream ? StreamSocket : SeqpacketSocket) | (nonBlocking ? NonBlockingSocket : 0), 0);

    /// <summary>socket(2) with any arguments.</summary>
    public Task<GuestResult> Socket(int family, int type, int protocol) =>
        Plain(AgentCall.Socket, Begin(AgentCall.Socket).Add(family).Add(type).Add(protocol));

    public Task<GuestResult> Bind(int fd, VsockAddress address) => Bind(fd, Bytes(address));

    /// <summary>bind(2) to an address of any bytes.</summary>
    public Task<GuestResult> Bind(int fd, byte[] address) => Plain(AgentCall.Bind, Begin(AgentCall.Bind).Add(fd).Add(address));

    public Task<GuestResult> Listen(int fd, int backlog) => Plain(AgentCall.Listen, Begin(AgentCall.Listen).Add(fd).Add(backlog));

    /// <summary>accept4(2); the result is the descriptor of the connection.</summary>
    public Task<GuestAddressResult> Accept(int fd, CallLimit limit = default, bool nonBlocking = false) =>
        Full(AgentCall.Accept, Begin(AgentCall.Accept).Add(fd).Add(nonBlocking ? NonBlockingSocket : 0), ReadAddress, limit);

    public Task<GuestResult> Connect(int fd, VsockAddress address, CallLimit limit = default) => Connect(fd, Bytes(address), limit);

    /// <summary>connect(2) to an address of any bytes.</summary>
    public Task<GuestResult> Connect(int fd, byte[] address, CallLimit limit = default) =>
        Plain(AgentCall.Connect, Begin(AgentCall.Connect).Add(fd).Add(address), limit);

    public Task<GuestResult> Shutdown(int fd, System.Net.Sockets.SocketShutdown how) =>
        Plain(AgentCall.Shutdown, Begin(AgentCall.Shutdown).Add(fd).Add((int)how));

    public Task<GuestResult> Close(int fd, CallLimit limit = default) => Plain(AgentCall.Close, Begin(AgentCall.Close).Add(fd), limit);

    public Task<GuestResult> SetNonBlocking(int fd, bool isOn) =>
        Plain(AgentCall.SetNonBlocking, Begin(AgentCall.SetNonBlocking).Add(fd).Add(isOn));

    /// <summary>setsockopt(2).</summary>
    /// <param name="value">As the option wants it, or not.</param>
    public Task<GuestResult> SetOption(int fd, int level, int name, byte[] value) =>
        Plain(AgentCall.SetOption, Begin(AgentCall.SetOption).Add(fd).Add(level).Add(name).Add(value));

    /// <summary>getsockopt(2).</summary>
    /// <param name="length">Room for the value in bytes, 0 to 4096.</param>
    public Task<GuestValue<byte[]>> GetOption(int fd, int level, int name, int length) =>
        Full(
            AgentCall.GetOption,
            Begin(AgentCall.GetOption).Add(fd).Add(level).Add(name).Add(length),
            (GuestResult result, ref MessageReader more) => new GuestValue<byte[]>(result, more.Bytes().ToArray()));

    /// <summary>SIOCINQ.</summary>
    public Task<GuestValue<uint>> UnreadBytes(int fd) => Number(AgentCall.Inquire, Begin(AgentCall.Inquire).Add(fd).Add(Siocinq));

    /// <summary>SIOCOUTQ.</summary>
    public Task<GuestValue<uint>> UnsentBytes(int fd) => Number(AgentCall.Inquire, Begin(AgentCall.Inquire).Add(fd).Add(Siocoutq));

    /// <summary>IOCTL_VM_SOCKETS_GET_LOCAL_CID.</summary>
    public Task<GuestValue<uint>> LocalCid() => Number(AgentCall.LocalCid, Begin(AgentCall.LocalCid));

    /// <summary>getsockname(2).</summary>
    public Task<GuestAddressResult> SocketName(int fd) => Full(AgentCall.SocketName, Begin(AgentCall.SocketName).Add(fd), ReadAddress);

    /// <summary>getpeername(2).</summary>
    public Task<GuestAddressResult> PeerName(int fd) => Full(AgentCall.PeerName, Begin(AgentCall.PeerName).Add(fd), ReadAddress);

    private Task<GuestValue<uint>> Number(AgentCall call, MessageWriter request) =>
        Full(call, request, (GuestResult result, ref MessageReader more) => new GuestValue<uint>(result, more.UInt32()));

    private static GuestAddressResult ReadAddress(GuestResult result, ref MessageReader more) => new(result, more.Bytes().ToArray());

    private static byte[] Bytes(VsockAddress address)
    {
        byte[] bytes = new byte[VsockAddress.Size];
        address.Write(bytes);
        return bytes;
    }
}
