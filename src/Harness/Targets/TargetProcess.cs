using System.Diagnostics;
using Tmds.Linux;

namespace Vsockspec.Targets;

/// <summary>A process in a session of its own, with its output kept and its whole process group ended on dispose.</summary>
internal sealed class TargetProcess : IGuestMachine, ITargetProgram
{
    private const int SigTerm = 15;
    private const int SigKill = 9;
    private static readonly TimeSpan TermPatience = TimeSpan.FromSeconds(2);

    /// <summary>After exit, how long output that is still in the pipes may take to be read.</summary>
    private static readonly TimeSpan DrainPatience = TimeSpan.FromMilliseconds(250);

    private readonly Process _process;
    private readonly LineTail _tail = new();
    private readonly Task _following;

    /// <summary>Held while the exit is noted and while the process is let go: somebody may ask how it ended on another thread.</summary>
    private readonly Lock _exit = new();
    private int _groupEnded;
    private volatile bool _disposed;

    private TargetProcess(Process process)
    {
        _process = process;
        Id = process.Id;

        // What a target leaves behind is ended with it, and not later, when its number may belong to another process.
        process.Exited += (_, _) => EndGroup();
        process.EnableRaisingEvents = true;
        _following = Task.WhenAll(_tail.Follow(process.StandardError.BaseStream), _tail.Follow(process.StandardOutput.BaseStream));
    }

    public int Id { get; }

    /// <summary>How long it may take to end when it is asked to, before it is killed.</summary>
    public TimeSpan Grace { get; set; } = TermPatience;

    public bool HasExited => _disposed || _process.HasExited;

    /// <summary>Null while it runs.</summary>
    public string? ExitStatus { get; private set; }

    public IReadOnlyList<string> LastLines => _tail.Lines;

    /// <param name="cpu">The processor that it and all it starts is kept on, where the system allows that; null: wherever the scheduler wants.</param>
    /// <exception cref="System.ComponentModel.Win32Exception">The system refused to start it.</exception>
    public static TargetProcess Start(IReadOnlyList<string> command, IReadOnlyDictionary<string, string> environment, string workingDirectory, int? cpu = null)
    {
        ProcessStartInfo info = new()
        {
            WorkingDirectory = workingDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment)
        {
            info.Environment[name] = value;
        }

        return new TargetProcess(GuardedStart.Start(info, command, cpu));
    }

    /// <summary>Waits until the process ends or the time is over; true when it has ended.</summary>
    public bool WaitForExit(TimeSpan time)
    {
        try
        {
            if (!_disposed && !_process.WaitForExit(time))
            {
                return false;
            }
        }
        catch (InvalidOperationException) when (_disposed)
        {
            // Disposed meanwhile, which notes the exit first.
            return true;
        }

        NoteExit();
        return true;
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        if (!_process.HasExited)
        {
            Signal(SigTerm);
            if (!_process.WaitForExit(Grace))
            {
                if (!GuardedStart.HasSession)
                {
                    _process.Kill(entireProcessTree: true);
                }

                Signal(SigKill);
                _process.WaitForExit();
            }
        }

        EndGroup();
        NoteExit();
        lock (_exit)
        {
            _disposed = true;
            _process.Dispose();
        }
    }

    private void EndGroup()
    {
        if (Interlocked.Exchange(ref _groupEnded, 1) == 0)
        {
            _ = LibC.kill(-Id, SigKill);
            Guardian.Release(Id);
        }
    }

    private void NoteExit()
    {
        lock (_exit)
        {
            if (ExitStatus is null)
            {
                _following.Wait(DrainPatience);
                ExitStatus = ProcessStatus.Describe(_process.ExitCode);
            }
        }
    }

    /// <summary>Signals the group, or only the process where it has no group of its own, or not yet; one that is gone already is no error.</summary>
    private void Signal(int signal)
    {
        if (LibC.kill(-Id, signal) != 0 && !_process.HasExited)
        {
            _ = LibC.kill(Id, signal);
        }
    }
}
