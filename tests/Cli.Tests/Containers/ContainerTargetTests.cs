using System.Diagnostics;
using System.Text.Json;
using Docker.DotNet.Models;
using NUnit.Framework;
using Tmds.Linux;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Results;
using Vsockspec.Targets;
using Vsockspec.Transports;
using ContainerSpec = Vsockspec.Targets.Containers.ContainerSpec;

namespace Vsockspec.Cli.Tests.Containers;

/// <summary>Targets in containers of a real engine.</summary>
[NonParallelizable]
public sealed class ContainerTargetTests
{
    private const int SigInt = 2;
    private const int SigKill = 9;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Removal = TimeSpan.FromSeconds(20);

    [TearDown]
    public void LeavesNoContainer() => Assert.That(SpinWait.SpinUntil(() => TestEngine.Containers().Count == 0, Removal), "a container is left");

    [Test]
    public void Run_ReferenceInContainers_GivesTheVerdictsOfTheProcess()
    {
        using Terminal place = new();
        string[] options = ["--profile", "core-stream", "--quick", "--seed", "7", "--jobs", "2", "--trace", "none"];
        (int exitCode, string output, string errors) = RunProgram(
            place, ["run", "--target", place.Write("container.yaml", ReferenceImage.Manifest(TestEngine.Image)), "--out", place.PathOf("container"), .. options]);
        Assert.That(exitCode, Is.Zero, errors + output);
        (exitCode, output, errors) = RunProgram(place, ["run", "--out", place.PathOf("process"), .. options]);
        Assert.That(exitCode, Is.Zero, errors + output);

        RunReport container = Report(place, "container");
        RunReport process = Report(place, "process");
        Assert.That(container.Cases.Count(c => c.Verdict == Verdict.Pass), Is.GreaterThan(50));
        Assert.That(Verdicts(container), Is.EqualTo(Verdicts(process)));
        Assert.That(container.Target.Digest, Is.EqualTo(TestEngine.Engine.FindImage(TestEngine.Image)!.Id));
    }

    [Test]
    public void Certify_ReferenceInContainers_IsCertifiedAndVerifies()
    {
        using Terminal place = new();
        Certificates.Keys keys = Certificates.Keys.Make(place.Folder, "vendor");
        (int exitCode, string output, string errors) = RunProgram(
            place,
            ["certify", "--target", place.Write("m.yaml", ReferenceImage.Manifest(TestEngine.Image)), "--profile", "core-stream", "--key", keys.Private, "--out", place.PathOf("b")]);
        Assert.That(exitCode, Is.Zero, errors + output);

        Certificate certificate = Bundle.ReadCertificate(place.PathOf("b"))!;
        Assert.That(certificate.Verdict, Is.EqualTo(CertificateVerdict.Certified));
        Assert.That(certificate.Cases.Judged, Is.GreaterThan(50));
        Assert.That(certificate.Target.Digest, Is.EqualTo(TestEngine.Engine.FindImage(TestEngine.Image)!.Id));
        Assert.That(certificate.Notes, Is.Empty);

        (exitCode, output, errors) = RunProgram(place, ["verify", place.PathOf("b"), "--key", keys.Public, "--certified"]);
        Assert.That(exitCode, Is.Zero, errors + output);
    }

    [Test]
    public void Start_Container_IsShutOffAndBounded()
    {
        using InstanceFolder folder = InstanceFolder.Create();
        using ITargetInstance instance = Start(folder, "memoryMiB: 300\nprocesses: 100");
        ContainerInspectResponse container = TestEngine.Client.Containers.InspectContainerAsync(TestEngine.Containers().Single().TrimStart('/')).GetAwaiter().GetResult();

        Assert.That(container.NetworkSettings!.Networks.Keys, Is.EqualTo(["none"]));
        Assert.That(container.HostConfig!.ReadonlyRootfs);
        Assert.That(container.HostConfig.Memory, Is.EqualTo(300L << 20));
        Assert.That(container.HostConfig.PidsLimit, Is.EqualTo(100));
        Assert.That(container.Mounts!.Where(m => m.RW).Select(m => m.Destination), Is.EqualTo([ContainerSpec.SharedFolder]));
        Assert.That(instance.HasExited, Is.False);
        Assert.That(instance.ExitStatus, Is.Null);
        Assert.That(SpinWait.SpinUntil(() => instance.LastLines.Contains("ready"), Limit));
        Assert.That(instance.ProcessId, Is.Not.Null);
        Assert.That(File.ReadAllText($"/proc/{instance.ProcessId}/cmdline"), Does.Contain("Vsockspec.Reference.dll"));
    }

    [Test]
    public void Start_UserWithoutRights_ServesAndIsServed()
    {
        using InstanceFolder folder = InstanceFolder.Create();
        TargetManifest manifest = Manifest(folder, ReferenceImage.Manifest(TestEngine.Image, "user: \"1234:5678\""));
        CaseResult[] results = Judge(manifest.ToTarget(), Catalogue.Of(typeof(Conformance.CatalogueFixture).Assembly).RunsOver("vhost-user").Where(r => r.Case.Area == "handshake" && !r.Case.NeedsGuest && !r.Case.Attribute.Slow));

        Assert.That(results, Has.Length.GreaterThan(5));
        Assert.That(results.Where(r => Cases.Verdicts.ExitCode([r.Verdict]) != 0).Select(r => $"{r.FullName}: {r.Observed}"), Is.Empty);

        using ITargetInstance instance = manifest.ToTarget().Start(new TargetPlace(folder.Path, 3), CancellationToken.None);
        Assert.That(File.ReadAllLines($"/proc/{instance.ProcessId}/status"), Has.One.StartsWith("Uid:\t1234\t"));
    }

    [Test]
    public void Start_OwnUser_IsTheUserThatRunsVsockspec()
    {
        using InstanceFolder folder = InstanceFolder.Create();
        using ITargetInstance instance = Start(folder, "user: \"{user}\"");
        Assert.That(File.ReadAllLines($"/proc/{instance.ProcessId}/status"), Has.One.StartsWith($"Uid:\t{LibC.geteuid()}\t"));
    }

    [Test]
    public void Case_ContainerKilledMeanwhile_FailsWithTheSignal()
    {
        using InstanceFolder folder = InstanceFolder.Create();
        CaseRun run = Catalogue.Of(typeof(Conformance.CatalogueFixture).Assembly).RunsOver("vhost-user").First(r => r.Case.Area == "handshake" && !r.Case.NeedsGuest);
        CaseResult result = Judge(new DyingTarget(Manifest(folder, ReferenceImage.Manifest(TestEngine.Image)).ToTarget()), [run]).Single();

        Assert.That(result.Verdict, Is.EqualTo(Verdict.Fail), result.Observed);
        Assert.That(result.Termination, Is.EqualTo(Termination.TargetExited));
        Assert.That(result.Observed, Does.EndWith("the target ended with signal 9 (SIGKILL)"));
        Assert.That(result.Log, Does.Contain("ready"));
    }

    [Test]
    public void Start_MoreMemoryThanAllowed_SaysThatMemoryRanOut()
    {
        string hungry = $"vsockspec-hungry:{Guid.NewGuid():N}";
        using (ImageBuilder image = new(TestEngine.Client))
        {
            image.Add("busybox", ToolBox.OfThisMachine.Find("busybox")!).Build(hungry, "FROM scratch\nCOPY busybox /\nENTRYPOINT [\"/busybox\", \"tail\"]\n");
        }

        try
        {
            using InstanceFolder folder = InstanceFolder.Create();
            TargetManifest manifest = Manifest(
                folder, $"name: x\nrole: device\ntransport: vhost-user\ncontainer: {{image: {hungry}, args: [/dev/zero, \"{{socket}}\"], memoryMiB: 32}}\n");
            TargetException? e = Assert.Throws<TargetException>(() => manifest.ToTarget().Start(new TargetPlace(folder.Path, 3), CancellationToken.None));
            Assert.That(e!.Message, Does.Contain("ended with signal 9 (SIGKILL), out of memory: the limit is 32 MiB before it served"));
            Assert.That(e.IsManifestError, Is.False);
        }
        finally
        {
            TestEngine.Client.Images.DeleteImageAsync(hungry, new ImageDeleteParameters { Force = true }).GetAwaiter().GetResult();
        }
    }

    [TestCase("--no-such-option", 1, "ended with exit code 2 before it served")]
    [TestCase("--no-such-option", 1, "Unrecognized command or argument '--no-such-option'")]
    public void Run_WrongArguments_ShowsWhatTheProgramSays(string argument, int expected, string message)
    {
        using Terminal place = new();
        string manifest = place.Write("m.yaml", ReferenceImage.Manifest(TestEngine.Image, "", $"--socket, \"{{socket}}\", \"{argument}\""));
        Assert.That(place.Run(bench => Application.Run(["run", "--target", manifest, "--out", place.PathOf("b")], Real(bench))), Is.EqualTo(expected));
        Assert.That(place.Error, Does.Contain(message));
    }

    [TestCase("image: vsockspec-no-such-image:1", "field 'container.image': the container engine at {engine} has no image 'vsockspec-no-such-image:1', and vsockspec pulls none; docker build it, or docker pull vsockspec-no-such-image:1")]
    [TestCase("image: UPPER//case", "field 'container.image': the container engine")]
    [TestCase("mounts: [{source: ./missing, target: /x}]", "field 'container.mounts': no such file or folder: {folder}/missing")]
    [TestCase("user: nobody-of-that-name", "field 'container.image': the container engine refuses to run")]
    public void Run_WhatTheEngineDoesNotHave_IsAnErrorOfTheManifest(string field, string message)
    {
        using Terminal place = new();
        string text = ReferenceImage.Manifest(TestEngine.Image);
        string key = field.Split(':')[0];
        string[] lines = text.Split('\n');
        string[] others = [.. lines.Where(l => !l.TrimStart().StartsWith(key + ":", StringComparison.Ordinal))];
        string manifest = place.Write("m.yaml", string.Join('\n', others) + $"\n  {field}\n");
        Assert.That(place.Run(bench => Application.Run(["run", "--target", manifest, "--out", place.PathOf("b")], Real(bench))), Is.EqualTo(2), place.Error);
        Assert.That(place.Error, Does.Contain(message.Replace("{engine}", TestEngine.Engine.Socket, StringComparison.Ordinal).Replace("{folder}", place.Folder, StringComparison.Ordinal)));
    }

    [TestCase(SigKill)]
    [TestCase(SigInt)]
    public void Run_IsEndedBySignal_LeavesNoContainer(int signal)
    {
        using Terminal place = new();
        using Process run = StartProgram(place, ["run", "--target", place.Write("m.yaml", ReferenceImage.Manifest(TestEngine.Image)), "--jobs", "2", "--out", place.PathOf("b")]);
        Assert.That(SpinWait.SpinUntil(() => TestEngine.Containers().Count == 2 || run.HasExited, Limit));
        Assert.That(run.HasExited, Is.False);

        Assert.That(LibC.kill(run.Id, signal), Is.Zero);
        Assert.That(run.WaitForExit(Limit));
        Assert.That(run.ExitCode, Is.EqualTo(signal == SigInt ? 3 : 128 + signal));
        Assert.That(SpinWait.SpinUntil(() => TestEngine.Containers().Count == 0 && !Directory.EnumerateFileSystemEntries(place.PathOf("tmp")).Any(), Removal), "something is left");
    }

    [TestCase("unix:///no/such/engine.sock", "the container engine at /no/such/engine.sock does not answer")]
    [TestCase("tcp://127.0.0.1:2375", "DOCKER_HOST is 'tcp://127.0.0.1:2375'")]
    public void Run_NoEngine_IsNoFaultOfTheTarget(string host, string message)
    {
        using Terminal place = new();
        (int exitCode, _, string errors) = RunProgram(place, ["run", "--target", place.Write("m.yaml", ReferenceImage.Manifest(TestEngine.Image)), "--out", place.PathOf("b")], host);
        Assert.That(exitCode, Is.EqualTo(3));
        Assert.That(errors, Does.StartWith("vsockspec: " + message));

        (exitCode, string output, _) = RunProgram(place, ["doctor", "--json"], host);
        Assert.That(exitCode, Is.Zero);
        using JsonDocument findings = JsonDocument.Parse(output);
        JsonElement engine = findings.RootElement.EnumerateArray().Single(f => f.GetProperty("name").GetString() == "container engine");
        Assert.That(engine.GetProperty("ok").GetBoolean(), Is.False);
        Assert.That(engine.GetProperty("state").GetString(), Does.StartWith(message));
    }

    private static Workbench Real(Workbench bench) => bench with
    {
        RunSuite = (request, listener, cancellation) => new SuiteRunner(bench.Register).Run(request, listener, cancellation),
        Catalogue = Catalogue.Of(typeof(Conformance.CatalogueFixture).Assembly),
    };

    private static Dictionary<string, Verdict> Verdicts(RunReport report) => report.Cases.ToDictionary(c => c.FullName, c => c.Verdict);

    private static RunReport Report(Terminal place, string bundle) => Bundle.Open(place.PathOf(bundle), RequirementRegister.Load());

    private static TargetManifest Manifest(InstanceFolder folder, string text)
    {
        string file = Path.Combine(folder.Path, "m.yaml");
        File.WriteAllText(file, text);
        return TargetManifest.Load(file);
    }

    private static ITargetInstance Start(InstanceFolder folder, string fields) =>
        Manifest(folder, ReferenceImage.Manifest(TestEngine.Image, fields)).ToTarget().Start(new TargetPlace(folder.Path, 3), CancellationToken.None);

    private static CaseResult[] Judge(IDeviceTarget target, IEnumerable<CaseRun> runs)
    {
        Collector collector = new();
        new SuiteRunner(RequirementRegister.Load()).Run(new RunRequest { Target = target, Runs = [.. runs], Seed = 1 }, collector, CancellationToken.None);
        return [.. collector.Results];
    }

    private static (int ExitCode, string Output, string Errors) RunProgram(Terminal place, IReadOnlyList<string> arguments, string? host = null)
    {
        using Process process = StartProgram(place, arguments, host);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        Assert.That(process.WaitForExit(Limit), $"still runs after {Limit}");
        return (process.ExitCode, output.GetAwaiter().GetResult(), errors.GetAwaiter().GetResult());
    }

    private static Process StartProgram(Terminal place, IReadOnlyList<string> arguments, string? host = null)
    {
        ProcessStartInfo info = new(DotNet.Host, [Path.Combine(AppContext.BaseDirectory, "vsockspec.dll"), .. arguments])
        {
            WorkingDirectory = place.Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        info.Environment["TMPDIR"] = Directory.CreateDirectory(place.PathOf("tmp")).FullName;
        info.Environment["DOTNET_EnableDiagnostics"] = "0";
        if (host is not null)
        {
            info.Environment["DOCKER_HOST"] = host;
        }

        return Process.Start(info)!;
    }

    private sealed class Collector : IRunListener
    {
        public List<CaseResult> Results { get; } = [];

        public void TargetProbed(TargetFacts facts)
        {
        }

        public void CaseStarted(CaseRun run, int repetition)
        {
        }

        public void CaseFinished(CaseResult result) => Results.Add(result);
    }

    /// <summary>Dies as soon as a case, and not only the probe, has opened it.</summary>
    private sealed class DyingTarget(IDeviceTarget inner) : IDeviceTarget
    {
        private int _opened;

        public string Name => inner.Name;

        public string? Version => inner.Version;

        public TargetRole Role => inner.Role;

        public string Transport => inner.Transport;

        public string? Digest => inner.Digest;

        public IReadOnlyList<string>? Claims => inner.Claims;

        public bool CanRestart => inner.CanRestart;

        public ITargetInstance Start(TargetPlace place, CancellationToken cancellation) => new Instance(this, inner.Start(place, cancellation));

        private sealed class Instance(DyingTarget target, ITargetInstance inner) : ITargetInstance
        {
            public ulong GuestCid => inner.GuestCid;

            public int? ProcessId => inner.ProcessId;

            public bool HasExited => inner.HasExited;

            public string? ExitStatus => inner.ExitStatus;

            public IReadOnlyList<string> LastLines => inner.LastLines;

            public IVsockDevice OpenDevice(TimeSpan patience)
            {
                IVsockDevice device = inner.OpenDevice(patience);
                if (Interlocked.Increment(ref target._opened) > 1)
                {
                    Assert.That(LibC.kill(inner.ProcessId!.Value, SigKill), Is.Zero);
                }

                return device;
            }

            public IHostPeer OpenHost(Timeline timeline) => inner.OpenHost(timeline);

            public void Dispose() => inner.Dispose();
        }
    }
}
