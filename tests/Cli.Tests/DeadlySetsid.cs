using System.Diagnostics;
using NUnit.Framework;
using Tmds.Linux;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Tests;

/// <summary>
/// Stands for setsid, through which vsockspec starts programs. When it is asked to start a certain one it kills vsockspec, and goes on only when everything is done that somebody wants to do about
/// that: vsockspec has a process then that has just been started, and of which nothing is known yet.
/// </summary>
internal sealed class DeadlySetsid : IDisposable
{
    private const int SigKill = 9;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly string _bin;
    private readonly string _temporary;

    /// <param name="program">Part of the command that is deadly to start.</param>
    public DeadlySetsid(string folder, string program)
    {
        _temporary = Directory.CreateDirectory(Path.Combine(folder, "tmp")).FullName;
        _bin = Directory.CreateDirectory(Path.Combine(folder, "bin")).FullName;
        string file = Path.Combine(_bin, "setsid");

        // The guardian is done when it has removed vsockspec's folders.
        File.WriteAllText(
            file,
            $$"""
            #!/bin/sh
            case "$*" in
              *{{program}}*)
                kill -s KILL "$PPID"
                while [ -n "$(ls "$TMPDIR")" ]; do sleep 0.01; done
                ;;
            esac
            exec {{Executable.OnPath("setsid")}} "$@"
            """);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    /// <summary>The same program, to which starting another one may be deadly.</summary>
    public ProcessStartInfo Fatal(ProcessStartInfo info)
    {
        info.Environment["PATH"] = $"{_bin}:{info.Environment["PATH"]}";
        info.Environment["TMPDIR"] = _temporary;
        return info;
    }

    public void AssertThatNothingIsLeft(Process vsockspec)
    {
        Task<string> errors = vsockspec.StandardError.ReadToEndAsync();
        Assert.That(vsockspec.WaitForExit(Limit));
        Assert.That(vsockspec.ExitCode, Is.EqualTo(128 + SigKill), () => errors.GetAwaiter().GetResult());
        Assert.That(SpinWait.SpinUntil(() => Descendants.Of(_temporary).Count == 0 && !Directory.EnumerateFileSystemEntries(_temporary).Any(), Limit), "something is left");
    }

    /// <summary>What was left must not stay.</summary>
    public void Dispose()
    {
        foreach (int process in Descendants.Of(_temporary))
        {
            _ = LibC.kill(process, SigKill);
        }
    }
}
