namespace Vsockspec.Guests;

/// <summary>The log of a guest's kernel from now on, through its agent.</summary>
/// <param name="agent">Stays its owner's.</param>
public sealed class GuestMessages(AgentClient agent) : IKernelLog
{
    private readonly KernelReportReader _reader = new();
    private ulong _mark = agent.MarkKernelLog().GetAwaiter().GetResult();

    /// <exception cref="GuestException">The guest is lost.</exception>
    /// <exception cref="GuestCallException">It does not tell.</exception>
    public IReadOnlyList<KernelReport> Take()
    {
        while (agent.ReadKernelLog(_mark).GetAwaiter().GetResult() is { Lines.Count: > 0 } log)
        {
            foreach (string line in log.Lines)
            {
                _reader.Add(line);
            }

            _mark = log.Mark;
        }

        return _reader.Take();
    }

    public void Dispose()
    {
        // The agent is its owner's.
    }
}
