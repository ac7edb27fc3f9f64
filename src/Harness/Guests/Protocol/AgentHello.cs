namespace Vsockspec.Guests.Protocol;

/// <summary>The first words of an agent.</summary>
/// <param name="Release">What <c>uname -r</c> says in the guest.</param>
/// <param name="UpTime">From the start of the guest's kernel to these words.</param>
/// <param name="Problems">What went wrong when the guest was set up, e.g. a module that does not load; empty when all is well.</param>
public sealed record AgentHello(string Release, TimeSpan UpTime, IReadOnlyList<string> Problems)
{
    private const int MaxProblems = 64;

    public void Write(MessageWriter writer)
    {
        writer.Add(Release).Add(UpTime.Ticks).Add(Math.Min(Problems.Count, MaxProblems));
        foreach (string problem in Problems.Take(MaxProblems))
        {
            writer.Add(problem);
        }
    }

    /// <exception cref="MalformedMessageException">The payload is something else.</exception>
    public static AgentHello Read(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        string release = reader.Text();
        TimeSpan upTime = new(reader.Int64());
        string[] problems = new string[reader.Count(MaxProblems)];
        for (int i = 0; i < problems.Length; i++)
        {
            problems[i] = reader.Text();
        }

        reader.End();
        return new AgentHello(release, upTime, problems);
    }
}
