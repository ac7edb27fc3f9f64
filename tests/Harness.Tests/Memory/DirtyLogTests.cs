using NUnit.Framework;
using Vsockspec.Memory;

namespace Vsockspec.Harness.Tests.Memory;

public sealed class DirtyLogTests
{
    [Test]
    public void Mark_RangeOverPages_MarksEachOfThemAndNoOther()
    {
        using DirtyLog log = DirtyLog.Create(1 << 20, mmapOffset: 0x1000);
        log.Mark(0x3fff, 0x1002);
        Assert.Multiple(() =>
        {
            Assert.That(log.IsMarked(0x2fff), Is.False);
            Assert.That(log.IsMarked(0x3000), Is.True);
            Assert.That(log.IsMarked(0x4000), Is.True);
            Assert.That(log.IsMarked(0x5fff), Is.True);
            Assert.That(log.IsMarked(0x6000), Is.False);
            Assert.That(log.FirstMarked(), Is.EqualTo(0x3000));
        });
        log.Clear();
        Assert.That(log.FirstMarked(), Is.Null);
    }

    [Test]
    public void Mark_NoBytes_MarksNothing()
    {
        using DirtyLog log = DirtyLog.Create(1 << 20);
        log.Mark(0x1000, 0);
        Assert.That(log.FirstMarked(), Is.Null);
    }

    [TestCase(1ul << 20, 1ul)]
    [TestCase(ulong.MaxValue, 1ul)]
    [TestCase(ulong.MaxValue, 2ul)]
    [TestCase(1ul << 63, uint.MaxValue)]
    public void Mark_BeyondTheLog_IsNotRemembered(ulong address, ulong length)
    {
        using DirtyLog log = DirtyLog.Create(1 << 20);
        log.Mark(address, length);
        Assert.That(log.FirstMarked(), Is.Null);
    }

    [Test]
    public void Mark_ThroughAnotherMapping_IsSeen()
    {
        using DirtyLog log = DirtyLog.Create(1 << 20, mmapOffset: 0x1000);
        using DirtyLog other = DirtyLog.Map(new Microsoft.Win32.SafeHandles.SafeFileHandle(Dup(log), ownsHandle: true), log.Size, log.MmapOffset);
        other.Mark(0xf_f000, 1);
        Assert.That(log.FirstMarked(), Is.EqualTo(0xf_f000));
    }

    private static nint Dup(DirtyLog log)
    {
        int fd = Tmds.Linux.LibC.dup((int)log.File.DangerousGetHandle());
        Assert.That(fd, Is.GreaterThanOrEqualTo(0));
        return fd;
    }
}
