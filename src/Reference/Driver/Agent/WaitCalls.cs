using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;

namespace Vsockspec.Reference.Driver;

/// <summary>poll and epoll.</summary>
internal sealed class WaitCalls(DescriptorTable descriptors, WakeList wakeups)
{
    public CallStart Poll(ref MessageReader reader)
    {
        int count = reader.Count(AgentProtocol.MaxEvents);
        (Description?, PollEvents)[] items = new (Description?, PollEvents)[count];
        for (int i = 0; i < count; i++)
        {
            items[i] = (descriptors.Find(reader.Int32()), (PollEvents)reader.Int16());
        }

        int timeout = reader.Int32();
        reader.End();
        return new PollCall(items, timeout);
    }

    public byte[] EpollCreate(ref MessageReader reader)
    {
        reader.End();
        return descriptors.TryAdd(new EpollSet(wakeups), out int fd) ? CallReply.Of(fd) : CallReply.Failed(LinuxErrno.TooManyFiles);
    }

    public byte[] EpollControl(ref MessageReader reader)
    {
        int epoll = reader.Int32();
        int operation = reader.Int32();
        int fd = reader.Int32();
        uint events = reader.UInt32();
        ulong data = reader.UInt64();
        reader.End();
        Description? set = descriptors.Find(epoll);
        Description? target = descriptors.Find(fd);
        return CallReply.OfErrno((set, target) switch
        {
            (null, _) or (_, null) => LinuxErrno.BadDescriptor,
            (EpollSet { } found, VsockSocket { } socket) => found.Control(operation, socket, events, data),
            _ => LinuxErrno.Invalid,
        });
    }

    public CallStart EpollWait(ref MessageReader reader)
    {
        int epoll = reader.Int32();
        int count = reader.Count(AgentProtocol.MaxEvents);
        int timeout = reader.Int32();
        reader.End();
        Description? set = descriptors.Find(epoll);
        return count == 0 || set is not (null or EpollSet)
            ? EpollWaitCall.Reply(-1, LinuxErrno.Invalid, [])
            : set is EpollSet found ? new EpollWaitCall(found, count, timeout) : EpollWaitCall.Reply(-1, LinuxErrno.BadDescriptor, []);
    }

    /// <summary>As poll(2) takes it: negative is without limit.</summary>
    private static TimeSpan? LimitOf(int timeoutMs) => timeoutMs < 0 ? null : TimeSpan.FromMilliseconds(timeoutMs);

    private sealed class PollCall((Description? Target, PollEvents Interest)[] items, int timeout) : GuestCall
    {
        public override IReadOnlyList<Description> WaitsFor { get; } =
        [
            .. items.SelectMany(i => i.Target is EpollSet set ? [set, .. set.Members] : i.Target is null ? Array.Empty<Description>() : [i.Target]).Distinct(),
        ];

        public override TimeSpan? Limit => LimitOf(timeout);

        public override byte[]? Attempt(CallEnding ending)
        {
            PollEvents[] ready = [.. items.Select(ReadyOf)];
            int count = ready.Count(r => r != PollEvents.None);
            if (count == 0 && timeout != 0 && ending == CallEnding.None)
            {
                return null;
            }

            bool isInterrupted = count == 0 && ending == CallEnding.Interrupted;
            MessageWriter reply = CallReply.Begin(isInterrupted ? -1 : count, isInterrupted ? LinuxErrno.Interrupted : 0).Add(ready.Length);
            foreach (PollEvents events in ready)
            {
                reply.Add((short)events);
            }

            return reply.Written.ToArray();
        }

        private static PollEvents ReadyOf((Description? Target, PollEvents Interest) item) => item.Target is null
            ? PollEvents.Invalid
            : item.Target.Readiness & (item.Interest | PollEvents.Error | PollEvents.HangUp);
    }

    private sealed class EpollWaitCall(EpollSet set, int most, int timeout) : GuestCall
    {
        public override IReadOnlyList<Description> WaitsFor { get; } = [set, .. set.Members];

        public override TimeSpan? Limit => LimitOf(timeout);

        public static byte[] Reply(long value, int errno, List<(uint Events, ulong Data)> ready)
        {
            MessageWriter reply = CallReply.Begin(value, errno).Add(ready.Count);
            foreach ((uint events, ulong data) in ready)
            {
                reply.Add(events).Add(data);
            }

            return reply.Written.ToArray();
        }

        public override byte[]? Attempt(CallEnding ending)
        {
            List<(uint Events, ulong Data)> ready = set.Take(most);
            return ready.Count == 0 && timeout != 0 && ending == CallEnding.None
                ? null
                : ready.Count == 0 && ending == CallEnding.Interrupted ? Reply(-1, LinuxErrno.Interrupted, []) : Reply(ready.Count, 0, ready);
        }
    }
}
