using System.Diagnostics;
using System.Net.Sockets;
using NUnit.Framework;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Targets;

public sealed class LaunchedTargetTests
{
    [Test]
    [CancelAfter(20_000)]
    public void Start_BackEndThatListens_ReturnsAndDisposeEndsIt(CancellationToken cancellation)
    {
        using Scratch scratch = new();
        LaunchedTarget target = scratch.Launch(10_000, "perl", "-e", Scratch.Listen, "{socket}");

        ITargetInstance instance = target.Start(scratch.Place, cancellation);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(File.Exists(((IVhostUserInstance)instance).Socket));
            Assert.That(instance.GuestCid, Is.EqualTo(7));
            Assert.That(instance.HasExited, Is.False);
            Assert.That(instance.ExitStatus, Is.Null);
        }

        instance.Dispose();

        Assert.That(instance.HasExited);
        Assert.That(instance.ExitStatus, Is.EqualTo("signal 15 (SIGTERM)"));
        Assert.That(IsAlive(instance.ProcessId!.Value), Is.False);
    }

    [Test]
    [CancelAfter(20_000)]
    public void Start_BackEndThatExitsAtOnce_GivesItsStatusAndLastLines(CancellationToken cancellation)
    {
        using Scratch scratch = new();
        LaunchedTarget target = scratch.Launch(10_000, "/bin/sh", "-c", "echo no such option >&2; exit 101");

        TargetException? e = Assert.Throws<TargetException>(() => target.Start(scratch.Place, cancellation));

        Assert.That(e!.Message, Does.Contain("ended with exit code 101 before it served").And.Contain("no such option"));
        Assert.That(e.IsManifestError, Is.False);
    }

    [Test]
    [CancelAfter(20_000)]
    public void Start_BackEndThatNeverListens_GivesUpAtTheDeadline(CancellationToken cancellation)
    {
        using Scratch scratch = new();
        LaunchedTarget target = scratch.Launch(100, "/bin/sh", "-c", "echo thinking; exec sleep 60");
        Stopwatch clock = Stopwatch.StartNew();

        Assert.That(
            () => target.Start(scratch.Place, cancellation),
            Throws.TypeOf<TargetException>().With.Message.Contains("did not make the socket").And.Message.Contains("within 100 ms").And.Message.Contains("launch.readyTimeoutMs"));
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(2)));
    }

    [Test]
    public void Start_Cancelled_EndsTheProcess()
    {
        using Scratch scratch = new();
        LaunchedTarget target = scratch.Launch(10_000, "/bin/sh", "-c", "echo $$ > pid; exec sleep 60");
        using CancellationTokenSource source = new(TimeSpan.FromMilliseconds(200));

        Assert.That(() => target.Start(scratch.Place, source.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(IsAlive(int.Parse(File.ReadAllText(Path.Combine(scratch.Path, "pid")))), Is.False);
    }

    [Test]
    [CancelAfter(20_000)]
    public void Dispose_BackEndWithChildrenThatIgnoresSigTerm_EndsAll(CancellationToken cancellation)
    {
        using Scratch scratch = new();
        LaunchedTarget target = scratch.Launch(
            10_000, "/bin/sh", "-c", "trap '' TERM; sleep 60 & echo $! > child; perl -e '" + Scratch.Listen + "' $WHERE & wait; wait; sleep 60");

        ITargetInstance instance = target.Start(scratch.Place, cancellation);
        int child = int.Parse(File.ReadAllText(Path.Combine(scratch.Path, "child")));
        Assert.That(IsAlive(child));
        instance.Dispose();

        Assert.That(instance.ExitStatus, Is.EqualTo("signal 9 (SIGKILL)"));
        Assert.That(IsAlive(child), Is.False);
    }

    [Test]
    [CancelAfter(20_000)]
    public void ExitStatus_BackEndThatCrashes_NamesTheSignal(CancellationToken cancellation)
    {
        using Scratch scratch = new();
        LaunchedTarget target = scratch.Launch(
            10_000, "perl", "-e", Scratch.Listen.Replace("sleep 60;", "$s->accept; print STDERR qq(oops\\n); kill 11, $$;", StringComparison.Ordinal), "{socket}");

        using ITargetInstance instance = target.Start(scratch.Place, cancellation);
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(((IVhostUserInstance)instance).Socket));
        SpinWait.SpinUntil(() => instance.HasExited, TimeSpan.FromSeconds(5));

        Assert.That(instance.ExitStatus, Is.EqualTo("signal 11 (SIGSEGV)"));
        Assert.That(instance.LastLines, Is.EquivalentTo(["ready", "oops"]));
    }

    [Test]
    public void Start_MissingProgram_NamesTheFieldAndTheProgram()
    {
        using Scratch scratch = new();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                () => scratch.Launch(1000, "no-such-backend").Start(scratch.Place, default),
                Throws.TypeOf<TargetException>().With.Message.Contains("field 'launch.command': 'no-such-backend' is not on PATH")
                    .And.Property(nameof(TargetException.IsManifestError)).True);
            Assert.That(
                () => scratch.Launch(1000, "./target/debug/backend").Start(scratch.Place, default),
                Throws.TypeOf<TargetException>().With.Message.Contains($"no such program: {scratch.Path}/target/debug/backend"));
            Assert.That(
                () => scratch.Launch(1000, "./target.yaml").Start(scratch.Place, default),
                Throws.TypeOf<TargetException>().With.Message.Contains("is not executable; chmod +x"));
        }
    }

    [Test]
    public void Start_FolderTooDeepForASocket_SaysSo()
    {
        using Scratch scratch = new();
        TargetPlace place = new(Path.Combine(scratch.Path, new string('d', 100)), 7);
        Assert.That(
            () => scratch.Launch(1000, "true").Start(place, default),
            Throws.TypeOf<TargetException>().With.Message.Contains("longer than 107 bytes"));
    }

    [Test]
    public void Digest_DotNetProgram_IsOfItsFolder()
    {
        using Scratch scratch = new();
        string dll = typeof(LaunchedTargetTests).Assembly.Location;

        Assert.That(scratch.Launch(1000, "{dotnet}", "exec", "{base}/" + Path.GetFileName(dll)).Digest, Is.EqualTo(Executable.Digest(["dotnet", dll], null)).And.Not.Null);
    }

    private static bool IsAlive(int pid) =>
        File.Exists($"/proc/{pid}/stat") && !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal);
}
