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

    [TestCase("exec {dotnet} {base}/Vsockspec.Reference.dll --socket $0 --uds $1 $2", "exit code 2", null)]
    [TestCase("exec {dotnet} {base}/Vsockspec.Reference.dll --socket $0 --uds $1", UnknownOption.Ignored, "takes the unknown option --vsockspec-no-such-option without a word")]
    [TestCase("exec sleep 60", UnknownOption.NoAnswer, "it neither ended nor served within 5 s")]
    [TestCase("exit 0", "exit code 0", "ends with exit code 0 on the unknown option")]
    [TestCase("kill -6 $$", "signal 6 (SIGABRT)", "ends with signal 6 (SIGABRT) on the unknown option")]
    public void AskUnknownOption_Program_IsNotedAsItAnswers(string script, string answer, string? remark)
    {
        using InstanceFolder folder = InstanceFolder.Create();
        string manifest = Path.Combine(folder.Path, "m.yaml");
        File.WriteAllText(
            manifest,
            $"name: x\nrole: device\ntransport: vhost-user\nlaunch:\n  command: [sh, -c, \"{script}\", \"{{socket}}\", \"{{uds}}\"]\n  readyTimeoutMs: {(answer == UnknownOption.NoAnswer ? 100 : 30_000)}\n");

        Assert.That(TargetManifest.Load(manifest).ToTarget().AskUnknownOption(new TargetPlace(folder.Path, 42), CancellationToken.None), Is.EqualTo(answer));
        Assert.That(UnknownOption.Remark(answer), remark is null ? Is.Null : Does.Contain(remark));
    }
}
