using System.Globalization;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Guests;

/// <summary>The agent as a process of this machine, where it opens no vsock sockets. Disposing ends it.</summary>
internal sealed class LocalAgent : IDisposable
{
    private readonly TargetProcess _process;

    private LocalAgent(TargetProcess process, AgentClient client)
    {
        _process = process;
        Client = client;
    }

    public AgentClient Client { get; }

    /// <summary>Ignores the test where nothing is here to compile the agent.</summary>
    public static LocalAgent Start()
    {
        string[] missing = [.. ((string[])["clang", "ld.lld"]).Where(tool => ToolBox.OfThisMachine.Find(tool) is null)];
        if (missing.Length > 0)
        {
            string problem = $"{string.Join(", ", missing)}: not on this machine; run ci/setup.sh";
            if (Environment.GetEnvironmentVariable("CI") == "true")
            {
                Assert.Fail(problem);
            }

            Assert.Ignore(problem);
        }

        string program = AgentProgram.Find(GuestCache.Agents(), TestContext.Progress.WriteLine, CancellationToken.None);
        (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
        using (theirs)
        {
            using Inheritance line = new(theirs.Handle);
            TargetProcess process = TargetProcess.Start(
                // dash knows no descriptor above 9.
                ["/bin/bash", "-c", string.Create(CultureInfo.InvariantCulture, $"exec \"$0\" --stdio <&{line.Fd} >&{line.Fd}"), program],
                new Dictionary<string, string>(StringComparer.Ordinal),
                "/");
            return new LocalAgent(process, new AgentClient(new AgentConnection(ours, () => "")));
        }
    }

    public void Dispose()
    {
        Client.Dispose();
        _process.Dispose();
    }
}
