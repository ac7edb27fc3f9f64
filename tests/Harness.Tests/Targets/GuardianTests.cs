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
}
