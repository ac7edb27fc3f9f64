using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>poll and epoll.</summary>
internal static class WaitCalls
{
    public static byte[] Poll(CallContext context, ref MessageReader reader)
    {
        int count = reader.Count(AgentProtocol.MaxEvents);
        PollItem[] items = new PollItem[count + 1];
        for (int i = 0; i < count; i++)
        {
            // poll(2) passes over negative numbers, so an unknown one stays as it is, and is answered with POLLNVAL.
            int fd = reader.Int32();
            items[i] = new PollItem { Fd = context.Descriptors.Checked(fd) < 0 ? int.MaxValue : fd, Events = reader.Int16() };
        }

        int timeout = reader.Int32();
        reader.End();
        CallResult result = CallResult.Of(Libc.Poll(ref items[0], (ulong)count, timeout));
        MessageWriter reply = result.Begin().Add(count);
        foreach (PollItem item in items.AsSpan(0, count))
        {
            reply.Add(item.Ready);
        }

        return reply.Written.ToArray();
    }

    public static byte[] EpollCreate(CallContext context, ref MessageReader reader)
    {
        reader.End();
        return context.Descriptors.Keep(CallResult.Of(Libc.EpollCreate(Libc.CloseOnExec))).ToReply();
    }

    public static byte[] EpollControl(CallContext context, ref MessageReader reader)
    {
        int epoll = context.Descriptors.Checked(reader.Int32());
        int operation = reader.Int32();
        int fd = context.Descriptors.Checked(reader.Int32());
        EpollItem item = new() { Events = reader.UInt32(), Data = reader.UInt64() };
        reader.End();
        return CallResult.Of(Libc.EpollControl(epoll, operation, fd, ref item)).ToReply();
    }

    public static byte[] EpollWait(CallContext context, ref MessageReader reader)
    {
        int epoll = context.Descriptors.Checked(reader.Int32());
        int count = reader.Count(AgentProtocol.MaxEvents);
        int timeout = reader.Int32();
        reader.End();
        EpollItem[] items = new EpollItem[count + 1];
        CallResult result = CallResult.Of(Libc.EpollWait(epoll, ref items[0], count, timeout));
        MessageWriter reply = result.Begin().Add((int)Math.Max(result.Value, 0));
        foreach (EpollItem item in items.AsSpan(0, (int)Math.Max(result.Value, 0)))
        {
            reply.Add(item.Events).Add(item.Data);
        }

        return reply.Written.ToArray();
    }
}
