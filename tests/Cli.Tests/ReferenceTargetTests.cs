using NUnit.Framework;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Tests;

public sealed class ReferenceTargetTests
{
    [Test]
    [CancelAfter(30_000)]
    public void Start_BuiltInReference_ServesAndEnds(CancellationToken cancellation)
    {
        using InstanceFolder folder = InstanceFolder.Create();
        IDeviceTarget target = BuiltInTargets.Find(BuiltInTargets.Default, SuiteData.Folder).ToTarget();

        using ITargetInstance instance = target.Start(new TargetPlace(folder.Path, 42), cancellation);
        Assert.That(instance.HasExited, Is.False);
        Assert.That(target.Digest, Has.Length.EqualTo(64));
        instance.Dispose();

        Assert.That(instance.HasExited, Is.True);
        Assert.That(instance.ExitStatus, Is.EqualTo("exit code 0").Or.EqualTo("signal 15 (SIGTERM)"));
    }
}
