using System.Runtime.InteropServices;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>Calls on sockets that move no data.</summary>
internal sealed class SocketCalls(DescriptorTable descriptors, SocketLifecycle lifecycle, DriverIdentity identity)
{
    private const int StreamSocket = 1;
    private const int SeqpacketSocket = 5;
    private const int TypeMask = 0xf;
    private const int NonBlockingSocket = 0x800;
    private const uint Siocinq = 0x541b;
    private const uint Siocoutq = 0x5411;

    public byte[] Socket(ref MessageReader reader)
    {
        int family = reader.Int32();
        int type = reader.Int32();
        int protocol = reader.Int32();
        reader.End();
        if (family != VsockAddress.Family)
        {
            return CallReply.Failed(LinuxErrno.FamilyNotSupported);
        }

        if (protocol is not (0 or VsockAddress.Family))
        {
            return CallReply.Failed(LinuxErrno.ProtocolNotSupported);
        }

        if ((type & TypeMask) is not (StreamSocket or SeqpacketSocket))
        {
            return CallReply.Failed(LinuxErrno.SocketTypeNotSupported);
        }

        VsockSocket socket = lifecycle.Create((type & TypeMask) == StreamSocket ? SocketType.Stream : SocketType.Seqpacket);
        socket.IsNonBlocking = (type & NonBlockingSocket) != 0;
        return Keep(socket);
    }

    public byte[] Bind(ref MessageReader reader)
    {
        int fd = reader.Int32();
        int errno = Address(ref reader, out VsockAddress address);
        return Find(fd, out VsockSocket socket) is not 0 and var unknown
            ? CallReply.Failed(unknown)
            : CallReply.OfErrno(errno != 0 ? errno : lifecycle.Bind(socket, address.Cid, address.Port));
    }

    public byte[] Listen(ref MessageReader reader)
    {
        int fd = reader.Int32();
        int backlog = reader.Int32();
        reader.End();
        return CallReply.OfErrno(Find(fd, out VsockSocket socket) is not 0 and var unknown ? unknown : SocketLifecycle.Listen(socket, backlog));
    }

    public CallStart Accept(ref MessageReader reader)
    {
        int fd = reader.Int32();
        int flags = reader.Int32();
        reader.End();
        return Find(fd, out VsockSocket socket) is not 0 and var unknown
            ? CallReply.WithBytes(-1, unknown, [])
            : new AcceptCall(descriptors, lifecycle, socket, (flags & NonBlockingSocket) != 0);
    }

    public CallStart Connect(ref MessageReader reader)
    {
        int fd = reader.Int32();
        int errno = Address(ref reader, out VsockAddress address);
        if (Find(fd, out VsockSocket socket) is not 0 and var unknown)
        {
            return CallReply.Failed(unknown);
        }

        errno = errno != 0 ? errno : lifecycle.Connect(socket, address.Cid, address.Port);
        return errno != 0
            ? CallReply.Failed(errno)
            : socket.IsNonBlocking ? CallReply.Failed(LinuxErrno.InProgress) : new ConnectCall(lifecycle, socket);
    }

    public byte[] Shutdown(ref MessageReader reader)
    {
        int fd = reader.Int32();
        int how = reader.Int32();
        reader.End();
        return CallReply.OfErrno(Find(fd, out VsockSocket socket) is not 0 and var unknown ? unknown : lifecycle.Shutdown(socket, how));
    }

    public CallStart Close(ref MessageReader reader)
    {
        int fd = reader.Int32();
        reader.End();
        if (descriptors.Remove(fd) is not { } description)
        {
            return CallReply.Failed(LinuxErrno.BadDescriptor);
        }

        Release(description);
        return description is VsockSocket { State: SocketState.Connected, Options.Linger: > 0 and var seconds } socket
            ? new LingerCall(socket, TimeSpan.FromSeconds(seconds))
            : CallReply.Of(0);
    }

    /// <summary>Closes all; the result is how many there were.</summary>
    public int CloseAll()
    {
        int count = 0;
        foreach (int fd in descriptors.Numbers)
        {
            Release(descriptors.Remove(fd)!);
            count++;
        }

        return count;
    }

    public byte[] Inquire(ref MessageReader reader)
    {
        int fd = reader.Int32();
        uint request = reader.UInt32();
        reader.End();
        int errno = Find(fd, out VsockSocket socket);
        uint value = 0;
        if (errno == 0)
        {
            (errno, value) = request switch
            {
                Siocinq when socket.State == SocketState.Listening => (LinuxErrno.Invalid, 0u),
                Siocinq => (0, (uint)socket.Received.Bytes),
                Siocoutq => (0, SocketData.Outstanding(socket)),
                _ => (LinuxErrno.NotATerminal, 0u),
            };
        }

        return CallReply.Begin(errno == 0 ? 0 : -1, errno).Add(value).Written.ToArray();
    }

    public byte[] LocalCid(ref MessageReader reader)
    {
        reader.End();
        return CallReply.Begin(0, 0).Add((uint)(identity.IsUp ? identity.GuestCid : Cid.Any32)).Written.ToArray();
    }

    public byte[] Name(ref MessageReader reader, bool ofPeer)
    {
        int fd = reader.Int32();
        reader.End();
        int errno = Find(fd, out VsockSocket socket);
        if (errno == 0 && ofPeer && socket.State is not (SocketState.Connected or SocketState.Over))
        {
            errno = LinuxErrno.NotConnected;
        }

        if (errno != 0)
        {
            return CallReply.WithBytes(-1, errno, []);
        }

        bool hasCid = socket.IsBoundToCid || socket.State is SocketState.Connected or SocketState.Over;
        return CallReply.WithBytes(0, 0, ofPeer
            ? Bytes((uint)Cid.Host, socket.HostPort)
            : Bytes(hasCid ? (uint)identity.GuestCid : (uint)Cid.Any32, socket.LocalPort ?? (uint)Cid.Any32));
    }

    public byte[] SetNonBlocking(ref MessageReader reader)
    {
        int fd = reader.Int32();
        bool isOn = reader.Bool();
        reader.End();
        if (descriptors.Find(fd) is not { } description)
        {
            return CallReply.Failed(LinuxErrno.BadDescriptor);
        }

        description.IsNonBlocking = isOn;
        return CallReply.Of(0);
    }

    /// <summary>0, or the errno for a descriptor that is none, or no socket.</summary>
    public int Find(int fd, out VsockSocket socket)
    {
        Description? description = descriptors.Find(fd);
        socket = (description as VsockSocket)!;
        return description is null ? LinuxErrno.BadDescriptor : socket is null ? LinuxErrno.NotASocket : 0;
    }

    private static byte[] Bytes(uint cid, uint port)
    {
        byte[] address = new byte[VsockAddress.Size];
        new VsockAddress(cid, port).Write(address);
        return address;
    }

    private static int Address(ref MessageReader reader, out VsockAddress address)
    {
        ReadOnlySpan<byte> bytes = reader.Bytes();
        reader.End();
        address = default;
        if (bytes.Length < VsockAddress.Size)
        {
            return LinuxErrno.Invalid;
        }

        address = VsockAddress.Read(bytes);
        return MemoryMarshal.Read<ushort>(bytes) == VsockAddress.Family ? 0 : LinuxErrno.FamilyNotSupported;
    }

    private byte[] Keep(Description description)
    {
        if (descriptors.TryAdd(description, out int fd))
        {
            return CallReply.Of(fd);
        }

        Release(description);
        return CallReply.Failed(LinuxErrno.TooManyFiles);
    }

    private void Release(Description description)
    {
        foreach (EpollSet set in descriptors.Open.OfType<EpollSet>())
        {
            set.Forget(description);
        }

        if (description is VsockSocket socket)
        {
            lifecycle.Close(socket);
        }
    }

    private sealed class AcceptCall(DescriptorTable descriptors, SocketLifecycle lifecycle, VsockSocket listener, bool isNonBlocking) : GuestCall
    {
        public override IReadOnlyList<Description> WaitsFor { get; } = [listener];

        public override TimeSpan? Limit => listener.Options.ReceiveTimeout;

        public override byte[]? Attempt(CallEnding ending)
        {
            if (listener.State != SocketState.Listening)
            {
                return Failed(LinuxErrno.Invalid);
            }

            if (listener.Backlog.TryDequeue(out VsockSocket? connection))
            {
                connection.IsNonBlocking = isNonBlocking;
                return descriptors.TryAdd(connection, out int fd)
                    ? CallReply.WithBytes(fd, 0, Bytes((uint)Cid.Host, connection.HostPort))
                    : Refuse(connection);
            }

            return ending switch
            {
                CallEnding.Interrupted => Failed(LinuxErrno.Interrupted),
                CallEnding.Expired => Failed(LinuxErrno.WouldBlock),
                _ => listener.IsNonBlocking ? Failed(LinuxErrno.WouldBlock) : null,
            };
        }

        private byte[] Refuse(VsockSocket connection)
        {
            lifecycle.Close(connection);
            return Failed(LinuxErrno.TooManyFiles);
        }

        private static byte[] Failed(int errno) => CallReply.WithBytes(-1, errno, []);
    }

    private sealed class ConnectCall(SocketLifecycle lifecycle, VsockSocket socket) : GuestCall
    {
        public override IReadOnlyList<Description> WaitsFor { get; } = [socket];

        public override byte[]? Attempt(CallEnding ending)
        {
            if (socket.State == SocketState.Connecting && ending == CallEnding.Interrupted)
            {
                lifecycle.Abandon(socket, 0);
                return CallReply.Failed(LinuxErrno.Interrupted);
            }

            return socket is { State: SocketState.Connecting, Error: 0 } ? null : CallReply.OfErrno(socket.TakeError());
        }
    }

    /// <summary>close(2) of a socket with SO_LINGER waits until the host has ended the flow too.</summary>
    private sealed class LingerCall(VsockSocket socket, TimeSpan time) : GuestCall
    {
        public override IReadOnlyList<Description> WaitsFor { get; } = [socket];

        public override TimeSpan? Limit => time;

        public override byte[]? Attempt(CallEnding ending) =>
            ending != CallEnding.None || socket.State != SocketState.Connected ? CallReply.Of(0) : null;
    }
}
