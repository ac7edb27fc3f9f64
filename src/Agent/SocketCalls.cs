using System.Runtime.InteropServices;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>Calls on sockets that move no data. Addresses and option values are bytes that the client lays out, right or wrong.</summary>
internal static class SocketCalls
{
    internal const int Vsock = 40;
    internal const int FamilyNotSupported = 97;
    private const int MaxAddress = 128;
    private const int MaxOption = 4096;
    private const int GetFlags = 3;
    private const int SetFlags = 4;

    /// <summary>linux/vm_sockets.h: _IO(7, 0xb9).</summary>
    private const uint GetLocalCid = 0x7b9;

    public static byte[] Socket(CallContext context, ref MessageReader reader)
    {
        int family = reader.Int32();
        int type = reader.Int32();
        int protocol = reader.Int32();
        reader.End();
        return family == Vsock && !context.IsGuest
            ? CallResult.Failed(FamilyNotSupported).ToReply()
            : context.Descriptors.Keep(CallResult.Of(Libc.Socket(family, type | Libc.CloseOnExec, protocol))).ToReply();
    }

    public static byte[] Bind(CallContext context, ref MessageReader reader)
    {
        int fd = context.Descriptors.Checked(reader.Int32());
        byte[] address = Address(ref reader, out uint length);
        return CallResult.Of(Libc.Bind(fd, ref address[0], length)).ToReply();
    }

    public static byte[] Listen(CallContext context, ref MessageReader reader)
    {
        int fd = context.Descriptors.Checked(reader.Int32());
        int backlog = reader.Int32();
        reader.End();
        return CallResult.Of(Libc.Listen(fd, backlog)).ToReply();
    }

    public static byte[] Accept(CallContext context, ref MessageReader reader)
    {
        int fd = context.Descriptors.Checked(reader.Int32());
        int flags = reader.Int32();
        reader.End();
        byte[] address = new byte[MaxAddress];
        uint length = MaxAddress;
        CallResult result = context.Descriptors.Keep(CallResult.Of(Libc.Accept(fd, ref address[0], ref length, flags | Libc.CloseOnExec)));
        return result.Begin().Add(result.Errno == 0 ? address.AsSpan(0, (int)Math.Min(length, MaxAddress)) : []).Written.ToArray();
    }

    public static byte[] Connect(CallContext context, ref MessageReader reader)
    {
        int fd = context.Descriptors.Checked(reader.Int32());
        byte[] address = Address(ref reader, out uint length);
        return CallResult.Of(Libc.Connect(fd, ref address[0], length)).ToReply();
    }

    public static byte[] Shutdown(CallContext context, ref MessageReader reader)
    {
        int fd = context.Descriptors.Checked(reader.Int32());
        int how = reader.Int32();
        reader.End();
        return CallResult.Of(Libc.Shutdown(fd, how)).ToReply();
    }

    public static byte[] Close(CallContext context, ref MessageReader reader)
    {
        int fd = reader.Int32();
        reader.End();
        return context.Descriptors.Close(fd).ToReply();
    }

    public static byte[] SetOption(CallContext context, ref MessageReader reader)
    {
        int fd = context.Descriptors.Checked(reader.Int32());
        int level = reader.Int32();
        int name = reader.Int32();
        ReadOnlySpan<byte> value = reader.Bytes();
        reader.End();
        byte[] copy = [.. value, 0];
        return CallResult.Of(Libc.SetOption(fd, level, name, ref copy[0], (uint)value.Length)).ToReply();
    }

    public static byte[] GetOption(CallContext context, ref MessageReader reader)
    {
        int fd = context.Descriptors.Checked(reader.Int32());
        int level = reader.Int32();
        int name = reader.Int32();
        uint length = (uint)reader.Count(MaxOption);
        reader.End();
        byte[] value = new byte[MaxOption];
        CallResult result = CallResult.Of(Libc.GetOption(fd, level, name, ref value[0], ref length));
        return result.Begin().Add(result.Errno == 0 ? value.AsSpan(0, (int)Math.Min(length, MaxOption)) : []).Written.ToArray();
    }

    public static byte[] Inquire(CallContext context, ref MessageReader reader)
    {
        int fd = context.Descriptors.Checked(reader.Int32());
        uint request = reader.UInt32();
        reader.End();
        return Inquire(fd, request);
    }

    public static byte[] LocalCid(CallContext context, ref MessageReader reader)
    {
        reader.End();
        int fd = context.IsGuest ? Libc.Open("/dev/vsock", Libc.CloseOnExec, 0) : -1;
        if (fd < 0)
        {
            return CallResult.Failed(context.IsGuest ? Marshal.GetLastPInvokeError() : FamilyNotSupported).Begin().Add(0u).Written.ToArray();
        }

        byte[] reply = Inquire(fd, GetLocalCid);
        _ = Libc.Close(fd);
        return reply;
    }

    public static byte[] Name(CallContext context, ref MessageReader reader, bool ofPeer)
    {
        int fd = context.Descriptors.Checked(reader.Int32());
        reader.End();
        byte[] address = new byte[MaxAddress];
        uint length = MaxAddress;
        CallResult result = CallResult.Of(ofPeer
            ? Libc.PeerName(fd, ref address[0], ref length)
            : Libc.SocketName(fd, ref address[0], ref length));
        return result.Begin().Add(result.Errno == 0 ? address.AsSpan(0, (int)Math.Min(length, MaxAddress)) : []).Written.ToArray();
    }

    public static byte[] SetNonBlocking(CallContext context, ref MessageReader reader)
    {
        int fd = context.Descriptors.Checked(reader.Int32());
        bool isOn = reader.Bool();
        reader.End();
        int flags = Libc.Control(fd, GetFlags, 0);
        return CallResult.Of(flags < 0 ? -1 : Libc.Control(fd, SetFlags, isOn ? flags | Libc.NonBlocking : flags & ~Libc.NonBlocking)).ToReply();
    }

    private static byte[] Inquire(int fd, uint request)
    {
        uint value = 0;
        CallResult result = CallResult.Of(Libc.Inquire(fd, request, ref value));
        return result.Begin().Add(value).Written.ToArray();
    }

    private static byte[] Address(ref MessageReader reader, out uint length)
    {
        byte[] address = ReadAddress(ref reader, out length);
        reader.End();
        return address;
    }

    /// <summary>An address with further arguments after it.</summary>
    /// <param name="length">Of the address; what is returned has a byte more, so that there is one to point at.</param>
    internal static byte[] ReadAddress(ref MessageReader reader, out uint length)
    {
        ReadOnlySpan<byte> address = reader.Bytes();
        length = (uint)address.Length;
        return [.. address, 0];
    }
}
