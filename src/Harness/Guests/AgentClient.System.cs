using Vsockspec.Guests.Protocol;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>What the guest's kernel has reported since a mark.</summary>
/// <param name="Mark">Where to read on.</param>
/// <param name="Lines">The messages, without level and time; fit to be printed.</param>
public sealed record GuestKernelLog(ulong Mark, IReadOnlyList<string> Lines);

public sealed partial class AgentClient
{
    /// <summary>A call that does nothing.</summary>
    public Task<GuestResult> Ping() => Plain(AgentCall.Ping, Begin(AgentCall.Ping));

    /// <summary>The beginning of a file of the guest, e.g. of /proc/stat or /proc/meminfo.</summary>
    public Task<GuestValue<string>> ReadFile(string path, int maxBytes = AgentProtocol.MaxInline) =>
        Full(
            AgentCall.ReadFile,
            Begin(AgentCall.ReadFile).Add(path).Add(maxBytes),
            (GuestResult result, ref MessageReader more) => new GuestValue<string>(result, more.Text()));

    /// <summary>The processor's and the memory's counters of the guest.</summary>
    /// <exception cref="GuestException">The guest does not tell them.</exception>
    public async Task<GuestCounters> Counters()
    {
        Task<GuestValue<string>> stat = ReadFile("/proc/stat", 1024);
        Task<GuestValue<string>> memory = ReadFile("/proc/meminfo");
        return GuestCounters.Parse((await stat.ConfigureAwait(false)).Value, (await memory.ConfigureAwait(false)).Value);
    }

    /// <summary>The place after the newest message of the guest's kernel.</summary>
    public async Task<ulong> MarkKernelLog() => (await ReadKernelLog(ulong.MaxValue).ConfigureAwait(false)).Mark;

    /// <summary>What the guest's kernel has reported since a mark; as much as fits into one message, so read on until nothing comes.</summary>
    /// <exception cref="GuestCallException">/dev/kmsg cannot be read.</exception>
    public Task<GuestKernelLog> ReadKernelLog(ulong mark) =>
        Full(AgentCall.KernelLog, Begin(AgentCall.KernelLog).Add(mark), (GuestResult result, ref MessageReader more) =>
        {
            string text = more.Text();
            return result.Succeeded
                ? new GuestKernelLog((ulong)result.Value, [.. Messages(text)])
                : throw new GuestCallException("read(/dev/kmsg)", result.Errno);
        });

    /// <summary>Interrupts every call that is under way and closes every descriptor that was opened by calls; the result is their number.</summary>
    public Task<GuestResult> Reset() => Plain(AgentCall.Reset, Begin(AgentCall.Reset));

    /// <summary>Stops the guest's machine. The answer may be lost with the guest, and that is no failure.</summary>
    public async Task PowerOff()
    {
        try
        {
            await Plain(AgentCall.PowerOff, Begin(AgentCall.PowerOff)).ConfigureAwait(false);
        }
        catch (GuestLostException)
        {
            // It is off.
        }
    }

    /// <summary>
    /// Lets the guest's kernel start its machine anew and returns when the agent of the new kernel has said hello. Calls that were under way are lost, and all
    /// descriptors with the old kernel. Only for guests that may: <see cref="Guest.CanRestart"/>.
    /// </summary>
    /// <param name="limit">From the call to the hello.</param>
    /// <exception cref="GuestCallException">The guest's kernel refuses.</exception>
    /// <exception cref="GuestTimeoutException">It did not come up in time.</exception>
    /// <exception cref="GuestLostException">The machine ended.</exception>
    public async Task<AgentHello> Restart(TimeSpan limit) =>
        await connection.Restart(Begin(AgentCall.Restart), limit).ConfigureAwait(false);

    /// <summary><c>level,number,time,flags[,more];message</c>; lines that begin with a space belong to the record before and tell its device.</summary>
    private static IEnumerable<string> Messages(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => line[0] != ' ')
            .Select(line => Printable.Clean(line[(line.IndexOf(';', StringComparison.Ordinal) + 1)..]));
}
