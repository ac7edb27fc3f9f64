using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Targets;

public sealed class GuardianTests
{
    [Test]
    [CancelAfter(20_000)]
    public void Script_EndOfInput_EndsWhatIsWatchedAndNothingElse(CancellationToken cancellation)
    {
        using Scratch scratch = new();
        string watched = Directory.CreateDirectory(Path.Combine(scratch.Path, "watched folder")).FullName;
        string released = Directory.CreateDirectory(Path.Combine(scratch.Path, "released")).FullName;
        using Process group = Process.Start("setsid", ["sleep", "60"]);
        using Process other = Process.Start("setsid", ["sleep", "60"]);
        using Process guardian = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", Guardian.Script]) { RedirectStandardInput = true })!;

        // Between its start and setsid(2) a process is in our own group, and a kill of its group misses it.
        AwaitGroup(group, cancellation);
        AwaitGroup(other, cancellation);
        guardian.StandardInput.Write($"+g{other.Id}\n+d{watched}\n+g{group.Id}\n+d{released}\n-g{other.Id}\n-d{released}\n-d/never/watched\n");
        Assert.That(group.HasExited, Is.False);
        guardian.StandardInput.Close();
        Assert.That(guardian.WaitForExit(TimeSpan.FromSeconds(10)));
        Assert.That(group.WaitForExit(TimeSpan.FromSeconds(10)));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Directory.Exists(watched), Is.False);
            Assert.That(Directory.Exists(released));
            Assert.That(other.HasExited, Is.False);
        }

        other.Kill();
        cancellation.ThrowIfCancellationRequested();
    }

    [Test]
    [CancelAfter(20_000)]
    public void Script_ProcessThatHasNoGroupOfItsOwnYet_IsEnded(CancellationToken cancellation)
    {
        using Process process = Process.Start("sleep", ["60"]);
        using Process guardian = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", Guardian.Script]) { RedirectStandardInput = true })!;
        guardian.StandardInput.Write($"+g{process.Id}\n");
        guardian.StandardInput.Close();

        Assert.That(guardian.WaitForExit(TimeSpan.FromSeconds(10)));
        Assert.That(process.WaitForExit(TimeSpan.FromSeconds(10)));
        cancellation.ThrowIfCancellationRequested();
    }

    private static void AwaitGroup(Process leader, CancellationToken cancellation)
    {
        // proc_pid_stat(5): pid (comm) state ppid pgrp ...
        const int GroupField = 4;
        string id = $"{leader.Id}";
        while (File.ReadAllText($"/proc/{id}/stat").Split(' ')[GroupField] != id)
        {
            cancellation.ThrowIfCancellationRequested();
            _ = Thread.Yield();
        }
    }
}
