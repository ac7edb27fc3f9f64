using NUnit.Framework;
using Vsockspec.Results;
using Vsockspec.Results.Html;

namespace Vsockspec.Harness.Tests.Results;

public sealed class PacketTimelineTests
{
    private string folder = "";

    [SetUp]
    public void MakeFolder()
    {
        folder = Directory.CreateTempSubdirectory("vs-").FullName;
        Directory.CreateDirectory(Path.Combine(folder, Bundle.TracesFolder));
    }

    [TearDown]
    public void RemoveFolder() => Directory.Delete(folder, recursive: true);

    [Test]
    public void Read_DataBeyondTheWindow_CountsCreditDownBelowZero()
    {
        SmallBundle.WriteTrace(File("t"));
        PacketTimeline timeline = PacketTimeline.Read(File("t"), 40, 160);
        TimelinePacket last = timeline.First[2];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(timeline.Count, Is.EqualTo(3));
            Assert.That(timeline.First.Select(p => p.IsToDevice), Is.EqualTo([true, false, false]));
            Assert.That(timeline.First.Select(p => p.Microseconds), Is.EqualTo([0.0, 1500.0, 3000.0]));
            Assert.That(last.Host, Is.EqualTo(new SideCounters(65536, 0, 5, true)));
            Assert.That(last.Host.MaySend(last.Guest), Is.EqualTo(-1));
            Assert.That(last.Guest.MaySend(last.Host), Is.EqualTo(65536));
            Assert.That(last.Chain, Is.EqualTo("rx 2, packed, 4140w, used 49"));
            Assert.That(last.Notes, Is.EqualTo(["violates VS-CRED-DEV-1: 5 bytes sent where 4 fit"]));
        }
    }

    [Test]
    public void MaySend_CountersThatWrapped_IsStillRight()
    {
        SideCounters sender = new(0, 0, 10, true);
        SideCounters receiver = new(100, uint.MaxValue - 9, 0, true);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(sender.MaySend(receiver), Is.EqualTo(80));
            Assert.That(sender.MaySend(default), Is.Null);
        }
    }

    [Test]
    public void Read_MoreThanIsShown_KeepsBeginningAndEnd()
    {
        SmallBundle.WriteTrace(File("t"), 1000);
        PacketTimeline timeline = PacketTimeline.Read(File("t"), 40, 160);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(timeline.First.Select(p => p.Number), Is.EqualTo(Enumerable.Range(1, 40)));
            Assert.That(timeline.Last.Select(p => p.Number), Is.EqualTo(Enumerable.Range(841, 160)));
            Assert.That(timeline.LeftOut, Is.EqualTo(800));
            Assert.That(timeline.Last.Last().Host.TxCnt, Is.EqualTo(998 * 5));
        }
    }

    [Test]
    public void Read_DamagedFile_SaysSoAndKeepsWhatItRead()
    {
        SmallBundle.WriteTrace(File("t"));
        using (FileStream stream = System.IO.File.OpenWrite(File("t")))
        {
            stream.SetLength(stream.Length - 20);
        }

        PacketTimeline timeline = PacketTimeline.Read(File("t"), 40, 160);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(timeline.Count, Is.EqualTo(2));
            Assert.That(timeline.Problem, Does.StartWith("t:").And.Not.Contain(folder));
        }
    }

    [Test]
    public void Read_NoCapture_SaysSo()
    {
        System.IO.File.WriteAllText(File("t"), "<html>");
        Assert.That(PacketTimeline.Read(File("t"), 40, 160).Problem, Does.Contain("neither that of pcapng nor of pcap"));
    }

    [TestCase("../t")]
    [TestCase("traces/../../t")]
    [TestCase("/etc/passwd")]
    [TestCase("traces//t")]
    [TestCase("other/t")]
    [TestCase("traces/link")]
    [TestCase("traces/empty")]
    [TestCase("traces/missing")]
    [TestCase("t")]
    [TestCase("")]
    [TestCase(null)]
    public void FindTrace_PathThatLeadsElsewhere_IsNotFollowed(string? path)
    {
        SmallBundle.WriteTrace(File("t"));
        System.IO.File.CreateSymbolicLink(File("link"), File("t"));
        System.IO.File.WriteAllText(File("empty"), "");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(BundlePath.FindTrace(folder, path), Is.Null);
            Assert.That(BundlePath.FindTrace(folder, "traces/t"), Is.EqualTo(File("t")));
        }
    }

    private string File(string name) => Path.Combine(folder, Bundle.TracesFolder, name);
}
