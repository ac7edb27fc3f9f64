using System.Diagnostics;
using System.Text.Json;
using NUnit.Framework;
using Tmds.Linux;
using Vsockspec.Interop;
using Vsockspec.Transports;

namespace Vsockspec.Reference.Tests;

/// <summary>The back-end program, QEMU docs/interop/vhost-user.rst "Backend program conventions".</summary>
[TestFixture]
internal sealed class ProgramTests
{
    private DirectoryInfo folder = null!;

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory("vs-");

    [TearDown]
    public void RemoveFolder() => folder.Delete(recursive: true);

    [Test]
    public void Program_TerminateSignal_EndsCleanly()
    {
        using Process program = Start("--socket-path", InFolder("v"), "--uds", InFolder("u"), "--cid", "7");
        Assert.That(program.StandardOutput.ReadLine(), Is.EqualTo("ready"));
        using (VhostUserFrontEnd frontEnd = VhostUserFrontEnd.Connect(InFolder("v")))
        {
            frontEnd.Negotiate();
            Assert.That(frontEnd.ReadConfig(0, 1), Is.EqualTo(new byte[] { 7 }));
        }

        using (Process kill = Process.Start("kill", ["-TERM", $"{program.Id}"]))
        {
            kill.WaitForExit();
        }

        Assert.That(program.WaitForExit(10_000), Is.True);
        Assert.That(program.ExitCode, Is.Zero);
        Assert.That(folder.GetFileSystemInfos(), Is.Empty);
    }

    [TestCase("--cid 2", "reserved")]
    [TestCase("--cid 4294967296", "upper 32 bits")]
    [TestCase("--cid x", "x")]
    [TestCase("--buffer 5", "--buffer")]
    [TestCase("--max-connections 0", "--max-connections")]
    [TestCase("--slow-by -1", "--slow-by -1: use 0 to 1000 percent")]
    [TestCase("--slow-by NaN", "--slow-by")]
    [TestCase("--fd 3", "either")]
    [TestCase("--unknown", "--unknown")]
    public void Program_WrongUse_SaysWhatToChange(string arguments, string expected)
    {
        using Process program = Start(["--socket", InFolder("v"), "--uds", InFolder("u"), .. arguments.Split(' ')]);
        string message = program.StandardError.ReadToEnd();

        Assert.That(program.WaitForExit(10_000), Is.True);
        Assert.That(program.ExitCode, Is.EqualTo(2));
        Assert.That(message, Does.Contain(expected));
    }

    [Test]
    public void Program_FolderMissing_Fails()
    {
        using Process program = Start("--socket", InFolder("missing/v"), "--uds", InFolder("u"));
        string message = program.StandardError.ReadToEnd();

        Assert.That(program.WaitForExit(10_000), Is.True);
        Assert.That(program.ExitCode, Is.EqualTo(1));
        Assert.That(message, Does.Contain(InFolder("missing/v")));
    }

    [Test]
    public void Program_PrintCapabilities_IsJson()
    {
        using Process program = Start("--print-capabilities");
        using JsonDocument capabilities = JsonDocument.Parse(program.StandardOutput.ReadToEnd());

        Assert.That(capabilities.RootElement.GetProperty("type").GetString(), Is.EqualTo("vsock"));
        Assert.That(program.WaitForExit(10_000), Is.True);
        Assert.That(program.ExitCode, Is.Zero);
    }

    [Test]
    public void Device_ConnectedDescriptor_ServesItAndEnds()
    {
        (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
        using ReferenceDevice device = ReferenceDevice.Start(new ReferenceOptions { Fd = theirs.Fd, Uds = InFolder("u"), GuestCid = 7 });
        theirs.Handle.SetHandleAsInvalid();
        using (VhostUserFrontEnd frontEnd = new(ours))
        {
            frontEnd.Negotiate();
            Assert.That(frontEnd.ReadConfig(0, 1), Is.EqualTo(new byte[] { 7 }));
        }

        device.Wait();
        Assert.That(device.Fault, Is.Null);
    }

    [Test]
    public void Device_ListeningDescriptor_ServesOneAfterTheOther()
    {
        using System.Net.Sockets.Socket listener = new(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0);
        listener.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(InFolder("v")));
        listener.Listen();
        using ReferenceDevice device = ReferenceDevice.Start(new ReferenceOptions
        {
            Fd = LibC.dup((int)listener.SafeHandle.DangerousGetHandle()),
            Uds = InFolder("u"),
            GuestCid = 7,
        });
        for (int i = 0; i < 2; i++)
        {
            using VhostUserFrontEnd frontEnd = VhostUserFrontEnd.Connect(InFolder("v"));
            frontEnd.Negotiate();
        }
    }

    private string InFolder(string name) => Path.Combine(folder.FullName, name);

    private static Process Start(params string[] arguments) => Process.Start(
        new ProcessStartInfo("dotnet", ["exec", typeof(ReferenceDevice).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
}
