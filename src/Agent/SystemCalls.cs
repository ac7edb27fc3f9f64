using System.Globalization;
using System.Text;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>What the guest as a whole tells and does.</summary>
internal static class SystemCalls
{
    /// <summary>LINUX_REBOOT_CMD_POWER_OFF.</summary>
    public const int PowerOffCommand = 0x4321_fedc;

    /// <summary>LINUX_REBOOT_CMD_RESTART.</summary>
    public const int RestartCommand = 0x0123_4567;

    /// <summary>/dev/kmsg gives one record for each read, at most this long (CONSOLE_EXT_LOG_MAX is 8192).</summary>
    private const int MaxRecord = 9 << 10;

    private const int NotPermitted = 1;
    private const int Pipe = 32;

    public static byte[] ReadFile(ref MessageReader reader)
    {
        string path = reader.Text();
        int limit = reader.Count(AgentProtocol.MaxInline);
        reader.End();
        int fd = Libc.Open(path, Libc.CloseOnExec | Libc.NonBlocking, 0);
        if (fd < 0)
        {
            return CallResult.Of(-1).Begin().Add([]).Written.ToArray();
        }

        byte[] content = new byte[limit + 1];
        int length = 0;
        CallResult result;
        do
        {
            result = CallResult.Of(Libc.Read(fd, ref content[length], limit - length));
            length += (int)Math.Max(result.Value, 0);
        }
        while (result.Value > 0 && length < limit);

        _ = Libc.Close(fd);
        return new CallResult(length, result.Errno).Begin().Add(content.AsSpan(0, length)).Written.ToArray();
    }

    /// <summary>
    /// Records from a sequence number on, as many as fit into a message, each ended by a line feed; the result is the number of the first record
    /// that is not among them. The format is that of Documentation/ABI/testing/dev-kmsg.
    /// </summary>
    public static byte[] KernelLog(ref MessageReader reader)
    {
        ulong from = reader.UInt64();
        reader.End();
        int fd = Libc.Open("/dev/kmsg", Libc.CloseOnExec | Libc.NonBlocking, 0);
        if (fd < 0)
        {
            return CallResult.Of(-1).Begin().Add([]).Written.ToArray();
        }

        byte[] record = new byte[MaxRecord];
        byte[] text = new byte[AgentProtocol.MaxInline];
        int length = 0;
        ulong next = 0;
        CallResult result;
        while ((result = CallResult.Of(Libc.Read(fd, ref record[0], record.Length))).Value > 0 || result.Errno == Pipe)
        {
            // EPIPE: records were overwritten while we read; the next read goes on with the oldest one.
            ReadOnlySpan<byte> bytes = record.AsSpan(0, (int)Math.Max(result.Value, 0));
            ulong number = SequenceOf(bytes) ?? next;
            if (bytes.Length > text.Length - length)
            {
                break;
            }

            next = bytes.IsEmpty ? next : number + 1;
            if (number >= from)
            {
                bytes.CopyTo(text.AsSpan(length));
                length += bytes.Length;
            }
        }

        _ = Libc.Close(fd);
        return new CallResult((long)next, result.Errno == Libc.Eagain || result.Value > 0 ? 0 : result.Errno).Begin()
            .Add(text.AsSpan(0, length))
            .Written.ToArray();
    }

    public static byte[] Reset(CallContext context, ref MessageReader reader)
    {
        reader.End();
        context.Running.CancelOthers(context.Id);
        return new CallResult(context.Descriptors.CloseAll(), 0).ToReply();
    }

    /// <param name="command">As reboot(2) takes it.</param>
    public static byte[] Reboot(CallContext context, ref MessageReader reader, int command)
    {
        reader.End();
        return context.IsGuest ? CallResult.Of(Libc.Reboot(command)).ToReply() : CallResult.Failed(NotPermitted).ToReply();
    }

    /// <summary><c>6,339,5140900,-;text</c>: the second field.</summary>
    private static ulong? SequenceOf(ReadOnlySpan<byte> record)
    {
        int first = record.IndexOf((byte)',');
        int second = first < 0 ? -1 : record[(first + 1)..].IndexOf((byte)',');
        return second > 0
            && ulong.TryParse(Encoding.ASCII.GetString(record.Slice(first + 1, second)), NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)
            ? number
            : null;
    }
}
