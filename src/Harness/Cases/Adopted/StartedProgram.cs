using Vsockspec.Guests;
using Vsockspec.Targets;

namespace Vsockspec.Cases.Adopted;

/// <summary>A side of a pair that was started. Disposing ends it.</summary>
internal interface IStartedProgram : IDisposable
{
    /// <summary>True when it has ended.</summary>
    bool WaitForEnd(TimeSpan time);

    /// <summary>Ends it, if it has not ended.</summary>
    /// <param name="who">As the result names it.</param>
    SideEnd End(string who);
}

/// <summary>On this machine.</summary>
internal sealed class HostProgram : IStartedProgram
{
    private readonly TargetProcess _process;

    private HostProgram(TargetProcess process) => _process = process;

    /// <summary>Through a shell that gives both outputs one pipe, so that their lines stay in order, and becomes the program.</summary>
    public static HostProgram Start(string program, IReadOnlyList<string> arguments) => new(TargetProcess.Start(
        ["/bin/sh", "-c", "exec \"$@\" 2>&1", "sh", program, .. arguments], new Dictionary<string, string>(StringComparer.Ordinal), "/"));

    public bool WaitForEnd(TimeSpan time) => _process.WaitForExit(time);

    public SideEnd End(string who)
    {
        bool byItself = _process.WaitForExit(TimeSpan.Zero);
        _process.Dispose();
        return new SideEnd(
            who, byItself && _process.ExitStatus == ProcessStatus.Describe(0), byItself ? _process.ExitStatus! : "killed", string.Join('\n', _process.LastLines));
    }

    public void Dispose() => _process.Dispose();
}

/// <summary>In the guest.</summary>
internal sealed class GuestProgram : IStartedProgram
{
    /// <summary>How long a killed program may take to be told of.</summary>
    private static readonly TimeSpan KillTime = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _kill = new();
    private readonly Task<GuestProgramEnd> _call;

    /// <param name="limit">After it the program is killed by the agent, whatever we do.</param>
    public GuestProgram(AgentClient agent, string path, IReadOnlyList<string> arguments, TimeSpan limit) =>
        _call = agent.Execute(path, arguments, new CallLimit(limit, _kill.Token));

    /// <exception cref="GuestException">The guest is lost.</exception>
    public bool WaitForEnd(TimeSpan time)
    {
        if (Task.WaitAny([_call], time) < 0)
        {
            return false;
        }

        _ = _call.GetAwaiter().GetResult();
        return true;
    }

    /// <exception cref="GuestException">The guest is lost.</exception>
    public SideEnd End(string who)
    {
        if (!WaitForEnd(TimeSpan.Zero))
        {
            _kill.Cancel();
        }

        GuestProgramEnd end = _call.WaitAsync(KillTime).GetAwaiter().GetResult();
        return new SideEnd(who, end.Succeeded, end.Status, end.Output);
    }

    public void Dispose()
    {
        _kill.Cancel();
        _ = Task.WaitAny([_call], KillTime);

        // A guest that is lost was told of before.
        _ = _call.Exception;
        _kill.Dispose();
    }
}
