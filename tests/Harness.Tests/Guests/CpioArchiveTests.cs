using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Guests;

public sealed class CpioArchiveTests
{
    [Test]
    public void Archive_SameCalls_GiveTheSameBytes()
    {
        byte[] first = Sample();
        byte[] second = Sample();
        Assert.That(second, Is.EqualTo(first));
    }

    [Test]
    public void Entry_IsLaidOutAsTheKernelReadsIt()
    {
        byte[] archive = Write(a => a.AddFile("a", "hello"u8, UnixFileMode.UserRead));

        string expected =
            "070701" + "00000001" + "00008100" + "00000000" + "00000000" + "00000001" + "00000000" + "00000005"
            + "00000000" + "00000000" + "00000000" + "00000000" + "00000002" + "00000000" + "a\0" + "hello\0\0\0"
            + "070701" + "00000000" + "00000000" + "00000000" + "00000000" + "00000001" + "00000000" + "00000000"
            + "00000000" + "00000000" + "00000000" + "00000000" + "0000000B" + "00000000" + "TRAILER!!!\0" + "\0\0\0";
        Assert.That(Encoding.Latin1.GetString(archive), Is.EqualTo(expected));
    }

    [Test]
    public void Cpio_ListsWhatWasAdded()
    {
        string listing = Cpio(Sample(), "/", "-tv", "--quiet", "--numeric-uid-gid");
        string[] lines = [.. listing.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => Regex.Replace(l, " +", " "))];

        Assert.That(lines, Is.EqualTo(new[]
        {
            "drwxr-xr-x 2 0 0 0 Jan 1 1970 bin",
            "-rwxr-xr-x 1 0 0 70001 Jan 1 1970 bin/program",
            "drwxr-xr-x 2 0 0 0 Jan 1 1970 lib",
            "drwxr-xr-x 2 0 0 0 Jan 1 1970 lib/modules",
            "-rw-r--r-- 1 0 0 3 Jan 1 1970 lib/modules/a.ko",
            "lrwxrwxrwx 1 0 0 11 Jan 1 1970 init -> bin/program",
            "drwx------ 2 0 0 0 Jan 1 1970 dev",
            "crw------- 1 0 0 5, 1 Jan 1 1970 dev/console",
            "-rw-r--r-- 1 0 0 0 Jan 1 1970 empty",
        }));
    }

    [Test]
    public void Cpio_Unpacks_TheSameContents()
    {
        using InstanceFolder folder = InstanceFolder.Create();
        Cpio(Sample(), folder.Path, "-i", "--quiet", "--nonmatching", "dev/*");

        string program = Path.Combine(folder.Path, "bin/program");
        Assert.That(File.ReadAllBytes(program), Is.EqualTo(Content));
        Assert.That(File.GetUnixFileMode(program), Is.EqualTo(CpioArchive.Program));
        Assert.That(File.ReadAllText(Path.Combine(folder.Path, "lib/modules/a.ko")), Is.EqualTo("mod"));
        Assert.That(new FileInfo(Path.Combine(folder.Path, "init")).LinkTarget, Is.EqualTo("bin/program"));
        Assert.That(File.ReadAllBytes(Path.Combine(folder.Path, "empty")), Is.Empty);
    }

    [TestCase("")]
    [TestCase("/")]
    [TestCase("a//b")]
    [TestCase("a/../b")]
    [TestCase("./a")]
    [TestCase("a/")]
    [TestCase("a\0b")]
    public void Path_ThatIsNone_IsRefused(string path) =>
        Assert.That(() => Write(a => a.AddFile(path, [])), Throws.ArgumentException);

    [Test]
    public void Path_LongerThanTheKernelTakes_IsRefused() =>
        Assert.That(() => Write(a => a.AddFile(new string('a', 4096), [])), Throws.ArgumentException);

    [Test]
    public void Path_Twice_IsRefused()
    {
        Assert.That(
            () => Write(a => { a.AddFile("x", []); a.AddFile("/x", []); }),
            Throws.ArgumentException.With.Message.Contains("'x' is in the archive already"));
        Assert.That(() => Write(a => { a.AddFile("x", []); a.AddFile("x/y", []); }), Throws.ArgumentException, "below a file");
        Assert.That(() => Write(a => { a.AddFolder("x"); a.AddFolder("x"); }), Throws.Nothing, "a folder is there or is made");
    }

    private static byte[] Content { get; } = [.. Enumerable.Range(0, 70_001).Select(i => (byte)i)];

    private static byte[] Sample() => Write(a =>
    {
        a.AddFile("/bin/program", Content, CpioArchive.Program);
        a.AddFile("lib/modules/a.ko", "mod"u8);
        a.AddSymlink("init", "bin/program");
        a.AddFolder("dev", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        a.AddCharDevice("dev/console", (5, 1));
        a.AddFile("empty", []);
    });

    private static byte[] Write(Action<CpioArchive> fill)
    {
        using MemoryStream stream = new();
        using (CpioArchive archive = new(stream))
        {
            fill(archive);
        }

        return stream.ToArray();
    }

    private static string Cpio(byte[] archive, string folder, params string[] arguments)
    {
        ProcessStartInfo info = new("cpio", arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = folder,
            Environment = { ["TZ"] = "UTC", ["LC_ALL"] = "C" },
        };
        using Process cpio = Process.Start(info)!;
        cpio.StandardInput.BaseStream.Write(archive);
        cpio.StandardInput.Close();
        string output = cpio.StandardOutput.ReadToEnd();
        cpio.WaitForExit();
        Assert.That(cpio.ExitCode, Is.Zero);
        return output;
    }
}
