using NUnit.Framework;
using Tmds.Linux;
using Vsockspec.Interop;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Interop;

public sealed class FolderSyncTests
{
    [Test]
    public void Flush_OfAFolder_Returns()
    {
        using InstanceFolder folder = InstanceFolder.Create();
        File.WriteAllText(Path.Combine(folder.Path, "x"), "y");
        Assert.That(() => FolderSync.Flush(folder.Path), Throws.Nothing);
        Assert.That(() => FolderSync.Flush("/dev/shm"), Throws.Nothing, "in memory there is nothing to sync");
    }

    [Test]
    public void Flush_OfWhatIsNoFolder_SaysSo()
    {
        using InstanceFolder folder = InstanceFolder.Create();
        string file = Path.Combine(folder.Path, "x");
        File.WriteAllText(file, "y");
        Assert.That(() => FolderSync.Flush(file), Throws.TypeOf<ErrnoException>().With.Property(nameof(ErrnoException.Errno)).EqualTo(LibC.ENOTDIR));
        Assert.That(() => FolderSync.Flush(file + "z"), Throws.TypeOf<ErrnoException>().With.Property(nameof(ErrnoException.Errno)).EqualTo(LibC.ENOENT));
    }
}
