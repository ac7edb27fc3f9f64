using System.Runtime.InteropServices;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>One send or one receive, with flags and scattered buffers.</summary>
internal static class DataCalls
{
    private const int MaxControl = 512;

    public static byte[] Send(CallContext context, ref MessageReader reader)
    {
        int fd = context.Descriptors.Checked(reader.Int32());
        int flags = reader.Int32();
        bool isVector = reader.Bool();
        Scatter scatter = Scatter.Read(ref reader, AgentProtocol.MaxSeeded);
        if (reader.Bool())
        {
            ulong seed = reader.UInt64();
            SeedStream.Fill(seed, reader.UInt64(), scatter.Data.AsSpan(0, scatter.Length));
        }
        else
        {
            ReadOnlySpan<byte> data = reader.Bytes();
            if (data.Length != scatter.Length)
            {
                throw new MalformedMessageException($"{data.Length} bytes for a buffer of {scatter.Length}");
            }

            data.CopyTo(scatter.Data);
        }

        reader.End();
        MessageHeader message = new() { Vectors = scatter.Vectors, VectorCount = (nuint)scatter.Count };
        CallResult result = CallResult.Of(isVector
            ? Libc.WriteVector(fd, scatter.Vectors, scatter.Count)
            : Libc.SendMessage(fd, ref message, flags));
        GC.KeepAlive(scatter);
        return result.ToReply();
    }

    public static byte[] Receive(CallContext context, ref MessageReader reader)
    {
        int fd = context.Descriptors.Checked(reader.Int32());
        int flags = reader.Int32();
        bool isVector = reader.Bool();
        bool isCompared = reader.Bool();
        ulong seed = reader.UInt64();
        ulong place = reader.UInt64();
        Scatter scatter = Scatter.Read(ref reader, isCompared ? AgentProtocol.MaxSeeded : AgentProtocol.MaxInline);
        reader.End();

        byte[] control = GC.AllocateUninitializedArray<byte>(MaxControl, pinned: true);
        MessageHeader message = new()
        {
            Vectors = scatter.Vectors,
            VectorCount = (nuint)scatter.Count,
            Control = Marshal.UnsafeAddrOfPinnedArrayElement(control, 0),
            ControlLength = MaxControl,
        };
        CallResult result = CallResult.Of(isVector
            ? Libc.ReadVector(fd, scatter.Vectors, scatter.Count)
            : Libc.ReceiveMessage(fd, ref message, flags));

        // With MSG_TRUNC the result may be more than what was stored.
        Span<byte> stored = scatter.Data.AsSpan(0, (int)Math.Clamp(result.Value, 0, scatter.Length));
        int difference = isCompared ? SeedStream.FirstDifference(seed, place, stored, new byte[stored.Length]) : -1;
        bool hasControl = !isVector && result.Errno == 0;
        return result.Begin()
            .Add(hasControl ? (int)(uint)message.Flags : 0)
            .Add(hasControl ? control.AsSpan(0, (int)message.ControlLength) : [])
            .Add(Checksum.Of(stored))
            .Add(difference)
            .Add(isCompared ? [] : stored)
            .Written.ToArray();
    }
}
