using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>How far one send(2) is.</summary>
internal sealed class Sending(SocketData data, VsockSocket socket, ReadOnlyMemory<byte> bytes, MessageOptions options)
{
    private bool isTaken;

    /// <summary>Bytes of a stream that have gone.</summary>
    public int Sent { get; private set; }

    /// <summary>Goes on with it.</summary>
    /// <returns>Bytes, or a negative errno; null: it has to wait.</returns>
    public int? Advance(CallEnding ending) => socket.Type == SocketType.Stream ? AdvanceStream(ending) : AdvanceMessage(ending);

    private bool MayWait => !socket.IsNonBlocking && !options.HasFlag(MessageOptions.DontWait);

    private int? AdvanceStream(CallEnding ending)
    {
        int sent = data.TrySend(socket, bytes.Span[Sent..]);
        Sent += Math.Max(sent, 0);
        if (Sent == bytes.Length && sent >= 0)
        {
            return Sent;
        }

        if ((sent >= 0 || sent == -LinuxErrno.WouldBlock) && MayWait && ending == CallEnding.None)
        {
            return null;
        }

        return Sent > 0 ? Sent : sent == -LinuxErrno.WouldBlock && ending == CallEnding.Interrupted ? -LinuxErrno.Interrupted : sent;
    }

    private int? AdvanceMessage(CallEnding ending)
    {
        if (!isTaken)
        {
            int result = data.TrySendMessage(socket, bytes, options.HasFlag(MessageOptions.EndOfRecord), whole: !MayWait);
            if (result != 0)
            {
                return result == -LinuxErrno.WouldBlock && ending == CallEnding.Interrupted ? -LinuxErrno.Interrupted
                    : result == -LinuxErrno.WouldBlock && ending == CallEnding.None && MayWait ? null : result;
            }

            isTaken = true;
        }

        // The socket has the message now and sends the rest of it in any case, so a call that is interrupted has done its work.
        if (socket.Unsent.IsPending && MayWait && ending == CallEnding.None)
        {
            return null;
        }

        return socket.State == SocketState.Connected || socket.Error == 0 ? bytes.Length : -socket.TakeError();
    }
}
