using System.Diagnostics;

namespace Vsockspec.Targets;

/// <summary>A program that we started, wherever it runs.</summary>
internal interface ITargetProgram
{
    /// <summary>Null while it runs.</summary>
    string? ExitStatus { get; }

    /// <inheritdoc cref="ITargetInstance.LastLines"/>
    IReadOnlyList<string> LastLines { get; }

    /// <summary>Waits until it has ended; false when the time is over first.</summary>
    bool WaitForExit(TimeSpan time);
}

/// <summary>How it is known that a target that was started serves its socket.</summary>
/// <param name="Name">Of the target.</param>
/// <param name="Field">Of the manifest that gives the time.</param>
/// <param name="Socket">Path on this machine.</param>
/// <param name="IsListening">Looks without connecting: a back-end may serve only one front-end in its life.</param>
internal sealed record Readiness(string Name, string File, string Field, string Socket, TimeSpan Limit, Func<bool> IsListening)
{
    /// <summary>Between two looks.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(2);

    /// <summary>Returns when the target serves.</summary>
    /// <exception cref="TargetException">It ended, or did not serve in time.</exception>
    public void Await(ITargetProgram program, CancellationToken cancellation)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (!(System.IO.File.Exists(Socket) && IsListening()))
        {
            cancellation.ThrowIfCancellationRequested();
            if (program.WaitForExit(Glance))
            {
                throw new TargetException($"{Name}: ended with {program.ExitStatus} before it served {Socket}{Said(program)}") { ExitStatus = program.ExitStatus };
            }

            if (clock.Elapsed >= Limit)
            {
                // A listener in another network namespace may not be in the table that was looked into.
                if (System.IO.File.Exists(Socket) && UnixSockets.AcceptsConnection(Socket))
                {
                    return;
                }

                string state = System.IO.File.Exists(Socket) ? "did not listen on" : "did not make";
                throw new TargetException($"{Name}: {state} the socket {Socket} within {Limit.TotalMilliseconds:0} ms (field '{Field}' of {File}){Said(program)}");
            }
        }
    }

    private static string Said(ITargetProgram program)
    {
        IReadOnlyList<string> lines = program.LastLines;
        return lines.Count == 0 ? "; it printed nothing" : "; its last lines:\n  " + string.Join("\n  ", lines.TakeLast(10));
    }
}
