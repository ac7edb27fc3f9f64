using System.Globalization;
using Vsockspec.Cases;
using Vsockspec.Cases.Adopted;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Results;
using Vsockspec.Targets;

namespace Vsockspec.Cli;

/// <summary>A run of an adopted suite: as any other run, with its cases found in the suite's programs and a guest at their other end.</summary>
internal sealed class AdoptedSession(Workbench bench, AdoptedSelection adopted)
{
    private const string Transport = "vhost-kernel";

    /// <summary>A guest whose KVM is itself in a translated machine takes half a minute.</summary>
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(2);

    /// <summary>Returns the exit code.</summary>
    /// <exception cref="UsageException">The target is none that the suite can judge, or this machine's kernel has no vhost-vsock.</exception>
    /// <exception cref="KernelException">The suite or the guest's kernel cannot be had, or the suite has no tests.</exception>
    /// <exception cref="GuestException">The agent does not compile.</exception>
    public int Execute(string targetName, TargetManifest manifest, Selection selection, RunSettings settings)
    {
        RefuseElsewhere(targetName, manifest);
        (VsockTests tests, AdoptedSuite suite, GuestKernel kernel, string busyBox, GuestImage image) = Prepare();
        IReadOnlyList<CaseRun> runs = selection.From(suite.Runs);
        QemuLauncher launcher = QemuLauncher.OfThisMachine(ToolBox.OfThisMachine);
        AdoptedRunner runner = new(suite, bench.Register, busyBox, Boot);
        bench.Out.WriteLine($"{adopted.Name.Text}: {tests.Package} {tests.PackageVersion}, sha256 {tests.PackageSha256}; guest: Linux {kernel.Release}");
        RunSession session = new(bench, runner.Run, manifest.IsBuiltIn(bench.Suites) ? targetName : manifest.File, manifest, guests: null, selection.Profile.Name, selection.Shard)
        {
            Adopted = new AdoptedSuiteInfo(adopted.Name.Text, tests.Package, tests.PackageVersion, tests.PackageSha256, tests.SourceSha256, kernel.Release),
            AdoptedRuns = suite.Runs,
            CasesOfAllShards = selection.Shard is null ? null : selection.OfAllShards(suite.Runs).Count,
        };
        return session.Execute(runs, settings);

        Guest Boot(ulong cid, QemuNetwork network, CancellationToken cancellation)
        {
            QemuOptions options = new() { Device = new GuestVsock.Kernel(cid), Network = network, BootLimit = BootLimit };
            Guest guest = launcher.Start(kernel, image, options, cancellation);
            if (guest.Machine.FirstBoot is { } first)
            {
                Tell($"was booted a second time; the first: {first}");
            }

            Tell(string.Create(
                CultureInfo.InvariantCulture, $"Linux {guest.Hello.Release} on {guest.Machine}, agent ready after {guest.ReadyAfter.TotalSeconds:0.00} s, image {image.Digest}"));
            foreach (string problem in guest.Hello.Problems)
            {
                Tell(problem);
            }

            return guest;
        }
    }

    /// <summary>What can be made before the target is asked for anything. A run has signals of its own, so these end with it.</summary>
    private (VsockTests Tests, AdoptedSuite Suite, GuestKernel Kernel, string BusyBox, GuestImage Image) Prepare()
    {
        using StopSignals signals = new();
        VsockTests tests = bench.VsockTests().Fetch(adopted.Name, Tell, signals.Token);
        AdoptedSuite suite = AdoptedSuite.Of(tests, signals.Token);
        GuestKernel kernel = adopted.GuestKernel(bench.Kernels(), VhostKernelTarget.Release(), Tell, signals.Token);
        string busyBox = ToolBox.OfThisMachine.Find("busybox")
            ?? throw new GuestException("busybox is missing, which gives the guest its network; sudo apt-get install -y --no-install-recommends busybox-static");
        string agent = AgentProgram.Find(GuestCache.Agents(), Tell, signals.Token);
        GuestImage image = GuestImage.Build(
            kernel, agent, busyBox, signals.Token, QemuLauncher.Modules(QemuMachine.Q35).Concat(QemuNetwork.Modules), AdoptedRunner.Files(tests));
        return (tests, suite, kernel, busyBox, image);
    }

    private void Tell(string line) => bench.Error.WriteLine($"guest: {line}");

    private void RefuseElsewhere(string targetName, TargetManifest manifest)
    {
        if (manifest.Transport != Transport)
        {
            throw new UsageException(
                $"--suite {adopted.Name.Text}: judges a kernel's own vhost-vsock, and {targetName} is reached over {manifest.Transport}; give --target {AdoptedSelection.DefaultTarget}");
        }

        if (!File.Exists(manifest.Device ?? VsockPermit.DeviceNode))
        {
            throw new UsageException(
                $"--suite {adopted.Name.Text}: {manifest.Device} does not exist: this machine's kernel has no vhost-vsock, or its module is not loaded (sudo modprobe vhost_vsock); "
                + $"any machine can run it in the lab: vsockspec run --suite {adopted.Name.Text} --lab");
        }
    }
}
