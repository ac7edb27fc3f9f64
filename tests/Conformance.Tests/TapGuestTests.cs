using System.Diagnostics;
using System.Net.Sockets;
using NUnit.Framework;
using Vsockspec.Audit;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Reference;
using Vsockspec.Reference.Mutants;
using Vsockspec.Targets;
using Vsockspec.Transports;
using SocketType = Vsockspec.Wire.SocketType;

namespace Vsockspec.Conformance.Tests;

/// <summary>A guest in user-mode Linux on a tap: sockets of a real kernel work as without, and what its device does on the rings is judged.</summary>
public sealed class TapGuestTests
{
    private const ulong GuestCid = 42;
    private const ulong Seed = 7;
    private const uint HostCid = 2;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly CallLimit Long = new(TimeSpan.FromSeconds(60));
    private static readonly UmlGuests Guests = new(TestContext.Progress.WriteLine);
    private static readonly RequirementRegister Register = RequirementRegister.Load();

    [OneTimeSetUp]
    public void NeedTheGuest()
    {
        string[] missing = [.. ((string[])["linux", "clang", "ld.lld"]).Where(tool => ToolBox.OfThisMachine.Find(tool) is null)];
        if (missing.Length > 0)
        {
            string problem = $"{string.Join(", ", missing)}: not on this machine; run ci/setup.sh";
            if (Environment.GetEnvironmentVariable("CI") == "true")
            {
                Assert.Fail(problem);
            }

            Assert.Ignore(problem);
        }
    }

    /// <summary>What applications do not notice: the guest's sockets work, and the auditor says what is wrong.</summary>
    [TestCase("address-upper-bits", "VS-X-09")]
    [TestCase("response-twice", "VS-X-28")]
    [TestCase("ring-tx-used-length", "VQ-16")]
    [TestCase("ring-event-missing", "PK-07")]
    public async Task Device_ThatBreaksAQuietRule_IsAccusedWhileSocketsWork(string mutant, string requirement)
    {
        using InstanceFolder folder = InstanceFolder.Create();
        using TappedInstance device = StartReference(folder, mutant);
        using Guest guest = Guests.Boot(new GuestVsock.VhostUser(device.Socket), CancellationToken.None);
        _ = device.Evidence.Take();
        await SendBothWays(guest, device, 5001, 4000, 4000);
        Assert.That(device.Tap.Settle(Patience), Is.True);
        GuestCaseEvidence evidence = device.Evidence.Take();
        Assert.That(evidence.Findings.Select(f => f.Requirement).Distinct(), Is.EqualTo(new[] { requirement }), string.Join('\n', evidence.Findings.Select(f => f.Detail)));
        Assert.That(evidence.DriverFindings, Is.Empty);
        string trace = Path.Combine(folder.Path, "trace.pcapng");
        evidence.Save(trace, new TraceLabel("VSC-0001", 1, 0));
        Assert.That(PacketsOf(trace), Is.EqualTo(evidence.PacketCount).And.GreaterThan(4));
    }

    [Test]
    public async Task Target_ThatEndsInTheMiddle_EndsTheGuestsDeviceToo()
    {
        using InstanceFolder folder = InstanceFolder.Create();
        using TappedInstance device = StartReference(folder, null);
        using Guest guest = Guests.Boot(new GuestVsock.VhostUser(device.Socket), CancellationToken.None);
        await SendBothWays(guest, device, 5001, 100, 100);
        device.EndTarget();
        Assert.That(device.Tap.Settle(Patience), Is.True, "no guest is connected any more");
        Assert.That(device.Tap.TargetFault?.Fault, Is.EqualTo(TransportFault.Closed));
        long start = Stopwatch.GetTimestamp();
        device.Tap.Dispose();
        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(2)));
    }

    [Test]
    public async Task Guest_AfterAnother_IsServedByTheSameTap()
    {
        using InstanceFolder folder = InstanceFolder.Create();
        using TappedInstance device = StartReference(folder, null);
        for (int i = 0; i < 2; i++)
        {
            using Guest guest = Guests.Boot(new GuestVsock.VhostUser(device.Socket), CancellationToken.None);
            await SendBothWays(guest, device, 5001 + (uint)i, 100_000, 100_000);
            Assert.That(device.Tap.Settle(Patience), Is.True);
            Assert.That(device.Evidence.Take().Findings, Is.Empty);
        }
    }

    /// <summary>QEMU keeps the event queue to itself and gives a device two queues.</summary>
    [Test]
    public async Task Guest_InQemu_IsServedAndNobodyIsAccused()
    {
        const string Name = "debian:6.12";
        GuestKernel? kernel = KernelStore.OfThisUser().Find(Name);
        if (ToolBox.OfThisMachine.Find("qemu-system-x86_64") is null || kernel is null)
        {
            string problem = $"qemu-system-x86_64 or {Name} is not here; run ci/setup.sh and vsockspec guest fetch {Name}";
            if (Environment.GetEnvironmentVariable("CI") == "true")
            {
                Assert.Fail(problem);
            }

            Assert.Ignore(problem);
        }

        GuestImage image = GuestImage.Build(
            kernel!,
            AgentProgram.Find(GuestCache.Agents(), TestContext.Progress.WriteLine, CancellationToken.None),
            null,
            CancellationToken.None,
            QemuLauncher.Modules(QemuMachine.Q35));
        using InstanceFolder folder = InstanceFolder.Create();
        using TappedInstance device = StartReference(folder, null);
        QemuOptions options = new() { Machine = QemuMachine.Q35, Accelerator = GuestAccelerator.Tcg, Device = new GuestVsock.VhostUser(device.Socket) };
        using Guest guest = QemuLauncher.OfThisMachine(ToolBox.OfThisMachine).Start(kernel!, image, options, CancellationToken.None);
        await SendBothWays(guest, device, 5001, 300_000, 300_000);
        Assert.That(device.Tap.Settle(Patience), Is.True);
        GuestCaseEvidence evidence = device.Evidence.Take();
        Assert.That(evidence.Findings, Is.Empty);
        Assert.That(evidence.DriverFindings, Is.Empty);
        Assert.That(evidence.PacketCount, Is.GreaterThan(20));
    }

    [Test]
    public async Task Bulk_ThroughATap_FiguresArePrinted()
    {
        const ulong Total = 64 << 20;
        for (int round = 0; round < 2; round++)
        {
            foreach (bool isTapped in (bool[])[false, true])
            {
                using InstanceFolder folder = InstanceFolder.Create();
                using TappedInstance device = StartReference(folder, null);
                using Guest guest = isTapped ? Guests.Boot(new GuestVsock.VhostUser(device.Socket), CancellationToken.None) : Guests.Boot(new GuestVsock.VhostUser(device.Inner.Socket), CancellationToken.None);
                (double up, double down) = await SendBothWays(guest, device, 5001, Total, Total);
                TestContext.Progress.WriteLine($"{(isTapped ? "with a tap" : "without   ")}: guest to host {up:0} MiB/s, host to guest {down:0} MiB/s");
                Assert.That(device.Evidence.Take().Findings, Is.Empty);
            }
        }
    }

    private static IEnumerable<string> Describe(string name, string who, IEnumerable<Finding> findings) =>
        findings.Select(f => $"{name}: {who}: {f.Requirement} packet {f.Packet}: {f.Detail}");

    private static TappedInstance StartReference(InstanceFolder folder, string? mutant)
    {
        Func<DeviceParts> parts = mutant is null ? () => new() : (MutantCatalogue.Find(mutant) ?? throw new ArgumentException($"no mutant {mutant}")).Parts;
        ReferenceTarget target = new(mutant ?? "reference", parts);
        return new TappedInstance(
            (IVhostUserInstance)target.Start(new TargetPlace(folder.Path, GuestCid), CancellationToken.None), Path.Combine(folder.Path, "tap.sock"));
    }

    /// <summary>A connection of the guest's that carries a seed's bytes first one way, then the other; MiB per second each way.</summary>
    private static async Task<(double Up, double Down)> SendBothWays(Guest guest, TappedInstance device, uint port, ulong up, ulong down)
    {
        using Socket listener = new(AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint($"{device.Uds}_{port}"));
        listener.Listen(4);
        int fd = (await guest.Agent.Socket(SocketType.Stream)).OrThrow("socket");
        Task<Socket> accepting = listener.AcceptAsync();
        (await guest.Agent.Connect(fd, new VsockAddress(HostCid, port), Long)).OrThrow("connect");
        using Socket host = await accepting.WaitAsync(Patience);
        host.ReceiveTimeout = host.SendTimeout = 60_000;
        long start = Stopwatch.GetTimestamp();
        Task<GuestTransfer> sending = guest.Agent.BulkSend(fd, Seed, up, limit: Long);
        byte[] buffer = new byte[256 << 10];
        await Task.Run(() =>
        {
            for (ulong left = up; left > 0;)
            {
                int n = host.Receive(buffer, (int)Math.Min(left, (ulong)buffer.Length), SocketFlags.None);
                Assert.That(n, Is.Positive, $"{left} bytes of the guest's are missing");
                left -= (ulong)n;
            }
        });
        Assert.That((await sending).Result.Value, Is.EqualTo((long)up));
        double upTime = Stopwatch.GetElapsedTime(start).TotalSeconds;
        byte[] data = new byte[down];
        Vsockspec.Guests.Protocol.SeedStream.Fill(Seed, 0, data);
        start = Stopwatch.GetTimestamp();
        Task<GuestTransfer> receiving = guest.Agent.BulkReceive(fd, Seed, down, limit: Long);
        await Task.Run(() => host.Send(data));
        GuestTransfer received = await receiving;
        Assert.That((received.Result.Value, received.FirstDifference), Is.EqualTo(((long)down, -1L)));
        double downTime = Stopwatch.GetElapsedTime(start).TotalSeconds;
        (await guest.Agent.Close(fd)).OrThrow("close");
        return (up / upTime / (1 << 20), down / downTime / (1 << 20));
    }

    private static int PacketsOf(string path)
    {
        using CaptureReader reader = CaptureReader.Open(path);
        int count = 0;
        while (reader.TryRead(out _))
        {
            count++;
        }

        return count;
    }

    private sealed class Results(Action<CaseResult> finished) : IRunListener
    {
        public List<CaseResult> All { get; } = [];

        public void TargetProbed(TargetFacts facts)
        {
        }

        public void CaseStarted(CaseRun run, int repetition)
        {
        }

        public void CaseFinished(CaseResult result)
        {
            All.Add(result);
            finished(result);
        }
    }
}
