using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Targets;

namespace Vsockspec.Cases.Adopted;

/// <summary>Boots a guest with the programs of the suite on this machine's vhost-vsock.</summary>
public delegate Guest BootAdoptedGuest(ulong cid, QemuNetwork network, CancellationToken cancellation);

/// <summary>
/// Runs the kernel's own tests, each as a pair of processes of its own, so that one that fails ends no other. The guest serves all of them, and is replaced when a
/// test hung or a kernel complained.
/// </summary>
/// <param name="busyBox">Path of a busybox that is in the guest too, as <see cref="BusyBox"/>.</param>
public sealed class AdoptedRunner(AdoptedSuite suite, RequirementRegister register, string busyBox, BootAdoptedGuest boot)
{
    /// <summary>Where the guest has its busybox.</summary>
    public const string BusyBox = "/bin/busybox";

    /// <summary>The failure code of a test whose guest ended without a word.</summary>
    public const string GuestLost = "guest-lost";

    private const int GuestPort = 4711;

    /// <summary>Boots that fail one after the other until no more are tried.</summary>
    private const int MaxFailedBoots = 3;

    /// <summary>The programs of the suite and where a guest has them.</summary>
    public static IEnumerable<GuestFile> Files(VsockTests tests) => tests.Programs.Select(p => new GuestFile($"{TestPair.GuestFolder}/{p.Key}", p.Value));

    /// <summary>Runs what is asked for and returns; results go to <paramref name="listener"/> as they come.</summary>
    /// <exception cref="TargetException">This machine's kernel has no vhost-vsock.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the cases that finished were reported.</exception>
    public void Run(RunRequest request, IRunListener listener, CancellationToken cancellation)
    {
        if (request.Target is not IDeviceTarget device)
        {
            throw new TargetException($"target '{request.Target.Name}' is a driver; an adopted suite judges devices", manifest: true);
        }

        using InstanceFolder folder = InstanceFolder.Create();
        using ITargetInstance target = device.Start(new TargetPlace(folder.Path, 0), cancellation);
        listener.TargetProbed(TargetProbe.Ask(device, target, request.Patience));
        using KernelWitness? kernel = request.KernelLog is { } open ? new KernelWitness(open()) : null;
        using GuestPlace place = new(this, target.GuestCid);
        for (int repetition = 1; repetition <= request.Repeat; repetition++)
        {
            foreach (CaseRun run in request.Runs.Where(r => !request.Done.Contains((r.FullName, repetition))))
            {
                cancellation.ThrowIfCancellationRequested();
                listener.CaseStarted(run, repetition);
                CaseResult result = Judge(CaseExecution.Begin(run, repetition, request.Seed, register), run, place, kernel, cancellation);
                listener.CaseFinished(result);
                bool failed = Verdicts.ExitCode([result.Verdict]) != 0;
                if (failed && request.FailFast)
                {
                    return;
                }

                // Where both sides ended by themselves the guest is as good as new: a failure alone is not worth the half minute of a boot.
                if (failed && result.FailureCode != PairVerdict.Failed)
                {
                    place.Retire();
                }
            }
        }
    }

    private CaseResult Judge(CaseResult result, CaseRun run, GuestPlace place, KernelWitness? kernel, CancellationToken cancellation)
    {
        AdoptedTest test = suite.TestOf(run);
        if (suite.Programs.Missing.TryGetValue(test.Program, out string? missing))
        {
            return result with { Verdict = Verdict.NotSupported, Termination = Termination.NotStarted, Observed = $"{test.Program} could not be built: {missing}" };
        }

        (Guest Guest, KernelWitness Kernel, QemuNetwork Network) up;
        try
        {
            up = place.Get(cancellation);
        }
        catch (Exception e) when (e is GuestException or GuestCallException or KernelException)
        {
            return result with { Verdict = Verdict.HarnessError, Termination = Termination.NotStarted, FailureCode = "guest-not-ready", Observed = e.Message };
        }

        long begin = Stopwatch.GetTimestamp();
        try
        {
            kernel?.CaseBegins();
            up.Kernel.CaseBegins();
            TestPair pair = new(suite.Programs, up.Guest, place.Cid, up.Network, VsockPermit.Obtain());
            ClientSide side = AdoptedSuite.SideOf(run);
            result = test.Program == VsockTests.Perf
                ? PairVerdict.OfPerf(result, pair.Measure(test, side, cancellation))
                : PairVerdict.Of(result, test, pair.Run(test, side, cancellation));
            result = up.Kernel.Judge(result);
        }
        catch (Exception e) when (e is GuestException or GuestCallException or TimeoutException)
        {
            result = Lost(result, up.Guest, e);
            place.Retire();
        }

        return (kernel?.Judge(result) ?? result) with { DurationMs = Math.Round(Stopwatch.GetElapsedTime(begin).TotalMilliseconds, 3) };
    }

    /// <summary>A kernel that panicked has failed the test; a guest that is gone for another reason is our trouble.</summary>
    private static CaseResult Lost(CaseResult result, Guest guest, Exception lost)
    {
        string? panic = ConsoleText.Panic(guest.Console);
        return result with
        {
            Verdict = panic is null ? Verdict.HarnessError : Verdict.Fail,
            Termination = Termination.TargetExited,
            FailureCode = panic is null ? GuestLost : InterruptedCase.PanicCode,
            Expected = panic is null ? null : "the guest's kernel goes on",
            Observed = panic is null ? lost.Message : $"the guest's kernel panicked: {panic.Split('\n')[0]}",
            Log = panic ?? string.Join('\n', guest.Console.TakeLast(40)),
        };
    }

    /// <summary>The guest of the moment. Disposing ends it.</summary>
    private sealed class GuestPlace(AdoptedRunner runner, ulong cid) : IDisposable
    {
        private Guest? _guest;
        private KernelWitness? _kernel;
        private QemuNetwork? _network;
        private int _failedBoots;
        private string _lastFailure = "";

        public ulong Cid => cid;

        /// <exception cref="GuestException">It does not boot.</exception>
        public (Guest Guest, KernelWitness Kernel, QemuNetwork Network) Get(CancellationToken cancellation)
        {
            if (_guest is { HasExited: true })
            {
                Retire();
            }

            if (_failedBoots >= MaxFailedBoots)
            {
                throw new GuestException($"no further boot is tried after {MaxFailedBoots} that failed: {_lastFailure}");
            }

            if (_guest is null)
            {
                try
                {
                    Boot(cancellation);
                    _failedBoots = 0;
                }
                catch (Exception e) when (e is GuestException or GuestCallException)
                {
                    _failedBoots++;
                    _lastFailure = e.Message;
                    Retire();
                    throw;
                }
            }

            return (_guest!, _kernel!, _network!);
        }

        public void Retire()
        {
            _kernel?.Dispose();
            _kernel = null;
            _guest?.Dispose();
            _guest = null;
        }

        public void Dispose() => Retire();

        private void Boot(CancellationToken cancellation)
        {
            (int into, int toHost) = FreePorts();
            _network = new QemuNetwork(into, GuestPort, toHost, runner.BusyBoxPath);
            _guest = runner.Start(cid, _network, cancellation);
            GuestProgramEnd up = _guest.Agent.Execute(BusyBox, ["ifconfig", "eth0", QemuNetwork.GuestAddress, "netmask", QemuNetwork.Mask, "up"]).GetAwaiter().GetResult();
            if (!up.Succeeded)
            {
                throw new GuestException($"the guest's network does not come up: {up.Status}: {up.Output.Trim()}; {string.Join("; ", _guest.Hello.Problems)}");
            }

            _kernel = new KernelWitness(new GuestMessages(_guest.Agent), "the guest's kernel");
        }

        /// <summary>Two ports of 127.0.0.1 that nobody has at the moment.</summary>
        private static (int First, int Second) FreePorts()
        {
            using TcpListener first = new(IPAddress.Loopback, 0);
            using TcpListener second = new(IPAddress.Loopback, 0);
            first.Start();
            second.Start();
            return (((IPEndPoint)first.LocalEndpoint).Port, ((IPEndPoint)second.LocalEndpoint).Port);
        }
    }

    private string BusyBoxPath => busyBox;

    private Guest Start(ulong cid, QemuNetwork network, CancellationToken cancellation) => boot(cid, network, cancellation);
}
