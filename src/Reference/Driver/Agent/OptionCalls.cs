using System.Runtime.InteropServices;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>setsockopt(2) and getsockopt(2).</summary>
internal sealed class OptionCalls(SocketCalls sockets, SocketData data)
{
    private const int MaxOption = 4096;
    private const int SolSocket = 1;
    private const long MicrosecondsPerSecond = 1_000_000;

    // linux/vm_sockets.h
    private const int BufferSize = 0;
    private const int BufferMinSize = 1;
    private const int BufferMaxSize = 2;
    private const int ConnectTimeoutOld = 6;
    private const int ConnectTimeoutNew = 8;

    // asm-generic/socket.h
    private const int SocketTypeOption = 3;
    private const int SocketErrorOption = 4;
    private const int Linger = 13;
    private const int ReceiveLowWater = 18;
    private const int ReceiveTimeout = 20;
    private const int SendTimeout = 21;
    private const int AcceptsConnections = 30;
    private const int Domain = 39;

    public byte[] Set(ref MessageReader reader)
    {
        int fd = reader.Int32();
        int level = reader.Int32();
        int name = reader.Int32();
        ReadOnlySpan<byte> value = reader.Bytes();
        reader.End();
        int errno = sockets.Find(fd, out VsockSocket socket);
        if (errno == 0)
        {
            errno = level switch
            {
                VsockAddress.Family => SetVsock(socket, name, value),
                SolSocket => SetGeneral(socket.Options, name, value),
                _ => LinuxErrno.NoProtocolOption,
            };
        }

        return CallReply.OfErrno(errno);
    }

    public byte[] Get(ref MessageReader reader)
    {
        int fd = reader.Int32();
        int level = reader.Int32();
        int name = reader.Int32();
        int room = reader.Count(MaxOption);
        reader.End();
        int errno = sockets.Find(fd, out VsockSocket socket);
        if (errno != 0)
        {
            return CallReply.WithBytes(-1, errno, []);
        }

        byte[]? value = level switch
        {
            VsockAddress.Family => GetVsock(socket.Options, name),
            SolSocket => GetGeneral(socket, name),
            _ => null,
        };
        return value is null
            ? CallReply.WithBytes(-1, LinuxErrno.NoProtocolOption, [])
            : level == VsockAddress.Family && room < value.Length
                ? CallReply.WithBytes(-1, LinuxErrno.Invalid, [])
                : CallReply.WithBytes(0, 0, value.AsSpan(0, Math.Min(room, value.Length)));
    }

    private int SetVsock(VsockSocket socket, int name, ReadOnlySpan<byte> value)
    {
        switch (name)
        {
            case BufferSize or BufferMinSize or BufferMaxSize:
                if (!MemoryMarshal.TryRead(value, out ulong bytes))
                {
                    return LinuxErrno.Invalid;
                }

                SetBuffer(socket.Options, name, bytes);
                data.Resize(socket);
                return 0;
            case ConnectTimeoutOld or ConnectTimeoutNew:
                if (!TryReadTime(value, out TimeSpan? time, out int errno))
                {
                    return errno;
                }

                socket.Options.ConnectTimeout = time ?? SocketOptions.DefaultConnectTimeout;
                return 0;
            default:
                return LinuxErrno.NoProtocolOption;
        }
    }

    private static void SetBuffer(SocketOptions options, int name, ulong bytes)
    {
        switch (name)
        {
            case BufferSize:
                options.Buffer = bytes;
                break;
            case BufferMinSize:
                options.Minimum = bytes;
                break;
            default:
                options.Maximum = bytes;
                break;
        }
    }

    private static int SetGeneral(SocketOptions options, int name, ReadOnlySpan<byte> value)
    {
        int errno;
        TimeSpan? time;
        switch (name)
        {
            case ReceiveLowWater when MemoryMarshal.TryRead(value, out int bytes):
                if (bytes > (long)options.Buffer)
                {
                    return LinuxErrno.Invalid;
                }

                options.LowWater = bytes < 0 ? int.MaxValue : Math.Max(bytes, 1);
                return 0;
            case Linger when value.Length >= 2 * sizeof(int):
                options.Linger = MemoryMarshal.Read<int>(value) != 0 ? MemoryMarshal.Read<int>(value[sizeof(int)..]) : null;
                return 0;
            case ReceiveTimeout:
                if (!TryReadTime(value, out time, out errno))
                {
                    return errno;
                }

                options.ReceiveTimeout = time;
                return 0;
            case SendTimeout:
                if (!TryReadTime(value, out time, out errno))
                {
                    return errno;
                }

                options.SendTimeout = time;
                return 0;
            default:
                return name is ReceiveLowWater or Linger ? LinuxErrno.Invalid : LinuxErrno.NoProtocolOption;
        }
    }

    private static byte[]? GetVsock(SocketOptions options, int name) => name switch
    {
        BufferSize => BitConverter.GetBytes(options.Buffer),
        BufferMinSize => BitConverter.GetBytes(options.Minimum),
        BufferMaxSize => BitConverter.GetBytes(options.Maximum),
        ConnectTimeoutOld or ConnectTimeoutNew => TimeBytes(options.ConnectTimeout),
        _ => null,
    };

    private static byte[]? GetGeneral(VsockSocket socket, int name) => name switch
    {
        SocketErrorOption => BitConverter.GetBytes(socket.TakeError()),
        SocketTypeOption => BitConverter.GetBytes(socket.Type == SocketType.Stream ? 1 : 5),
        AcceptsConnections => BitConverter.GetBytes(socket.State == SocketState.Listening ? 1 : 0),
        Domain => BitConverter.GetBytes(VsockAddress.Family),
        ReceiveLowWater => BitConverter.GetBytes(socket.Options.LowWater),
        Linger => [.. BitConverter.GetBytes(socket.Options.Linger is null ? 0 : 1), .. BitConverter.GetBytes(socket.Options.Linger ?? 0)],
        ReceiveTimeout => TimeBytes(socket.Options.ReceiveTimeout ?? TimeSpan.Zero),
        SendTimeout => TimeBytes(socket.Options.SendTimeout ?? TimeSpan.Zero),
        _ => null,
    };

    /// <summary>A struct timeval; zero means what the option makes of it.</summary>
    private static bool TryReadTime(ReadOnlySpan<byte> value, out TimeSpan? time, out int errno)
    {
        time = null;
        errno = LinuxErrno.Invalid;
        if (value.Length < 2 * sizeof(long))
        {
            return false;
        }

        long seconds = MemoryMarshal.Read<long>(value);
        long microseconds = MemoryMarshal.Read<long>(value[sizeof(long)..]);
        if (seconds < 0 || seconds > int.MaxValue / 1000 || microseconds is < 0 or >= MicrosecondsPerSecond)
        {
            errno = LinuxErrno.OutOfRange;
            return false;
        }

        time = (seconds, microseconds) == (0, 0) ? null : TimeSpan.FromSeconds(seconds) + TimeSpan.FromMicroseconds(microseconds);
        return true;
    }

    private static byte[] TimeBytes(TimeSpan time) =>
        [.. BitConverter.GetBytes((long)time.TotalSeconds), .. BitConverter.GetBytes((long)time.TotalMicroseconds % MicrosecondsPerSecond)];
}
