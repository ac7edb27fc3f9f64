using System.Collections.Concurrent;
using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Targets;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Tests;

/// <summary>
/// Guests whose driver does not do as it should, each with a verdict that tells what is wrong. The guest is user-mode Linux without a vsock device; its driver is a
/// raw driver beside it, which misbehaves as a test says.
/// </summary>
[NonParallelizable]
public sealed class BadDriverTests
{
    private static readonly RequirementRegister Register = RequirementRegister.Load();
    private GuestKernel _kernel = null!;
    private GuestImage _image = null!;
    private string _traces = null!;

    [OneTimeSetUp]
    public void MakeTheImage()
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

        string agent = AgentProgram.Find(GuestCache.Agents(), TestContext.Progress.WriteLine, CancellationToken.None);
        _kernel = UmlKernel.Get(ToolBox.OfThisMachine, CancellationToken.None);
        _image = GuestImage.Build(_kernel, agent, null, CancellationToken.None);
    }

    [SetUp]
    public void MakeTheFolder() => _traces = Directory.CreateTempSubdirectory("traces").FullName;

    [TearDown]
    public void RemoveTheFolder() => Directory.Delete(_traces, recursive: true);

    [Test]
    public void Driver_ThatDoesAsItShould_Passes()
    {
        CaseResult result = Run(new SessionOptions(), (c, _) => c.Fence());
        Assert.That(result.Verdict, Is.EqualTo(Verdict.Pass), result.Observed);
        Assert.That(result.Trace, Is.Not.Null);
    }

    [Test]
    public void Driver_ThatNeverLooksAtTheDevice_IsAbsent()
    {
        CaseResult result = Run(null, (c, _) => c.Fence());
        RequireFail(result, "driver-absent");
        Assert.That(result.Expected, Is.EqualTo("a driver takes the device and starts its rx and tx queues"));
        Assert.That(result.Observed, Is.EqualTo("what it did: "), "nothing");
    }

    [Test]
    public void Driver_ThatGivesUpInTheMiddleOfItsProbe_IsAbsent_WithWhatItDid()
    {
        CaseResult result = Run(new SessionOptions { Start = false }, (c, _) => c.Fence(), driver => driver.Dispose());
        RequireFail(result, "driver-absent");
        Assert.That(result.Observed, Does.Contain("Connected").And.Contain("FeaturesAccepted").And.Contain("Reset"));
    }

    [Test]
    public void Driver_ThatRefusesVersion1_FailsTheCaseAboutIt()
    {
        CaseRun run = Catalogue.Of(typeof(SocketFixture).Assembly).Runs.Single(r => r.Case.Id == "VSC-2250");
        CaseResult result = Run(new SessionOptions { Features = VirtioFeatures.Stream }, run);
        RequireFail(result, "version-1-not-accepted");
        Assert.That(result.Observed, Is.EqualTo("accepted 0x1"));
    }

    [Test]
    public void Driver_ThatResetsInTheMiddle_IsFoundWithoutItsQueue()
    {
        CaseResult result = Run(new SessionOptions(), (c, driver) =>
        {
            c.Fence();
            c.Await(driver.Do(d => d.Device.StopQueue(VsockQueue.Rx)));
            c.Fence();
        });
        RequireFail(result, "queue-not-running");
        Assert.That(result.Observed, Does.Contain("rx stopped"));
        Assert.That(result.Trace, Is.Not.Null);
    }

    [Test]
    public void Driver_ThatPostsNoBuffers_Starves()
    {
        CaseResult result = Run(new SessionOptions { RxBuffers = 0 }, (c, _) => c.Fence());
        RequireFail(result, "rx-starved");
        Assert.That(result.Observed, Does.Contain("after 0 chains"));
    }

    [Test]
    public void Driver_ThatCorruptsItsRing_IsFoundByTheRule()
    {
        CaseResult result = Run(new SessionOptions(), (c, driver) =>
        {
            c.Fence();
            c.Await(driver.Do(d =>
            {
                ((SplitDriverRing)d.Tx.Ring).Raw.AvailIdx += 1000;
                return 0u;
            }));
            c.Fence();
        });
        RequireFail(result, "fence-no-answer");
        Assert.That(result.Findings.Select(f => f.Requirement), Is.EqualTo(new[] { "VQ-11" }));
        Assert.That(result.Findings[0].Detail, Does.Contain("tx queue").And.Contain("ahead in a ring of"));
        Assert.That(result.Trace, Is.Not.Null);
    }

    [Test]
    public void Driver_WhoseMachineDies_HasEnded()
    {
        CaseResult result = Run(new SessionOptions(), (c, _) =>
        {
            c.Fence();
            c.Await(c.Agent.PowerOff().ContinueWith(_ => c.Agent.Ping(), TaskScheduler.Default).Unwrap());
        });
        RequireFail(result, "driver-ended");
        Assert.That(result.Termination, Is.EqualTo(Termination.TargetExited));
        Assert.That(result.Trace, Is.Not.Null);
    }

    private static void RequireFail(CaseResult result, string code)
    {
        Assert.That((result.Verdict, result.FailureCode), Is.EqualTo((Verdict.Fail, code)), result.Observed);
        Assert.That(result.Log, Does.Contain("the end of the guest's console:"));
    }

    private CaseResult Run(SessionOptions? options, Action<DriverContext, RawDriverLoop> body, Action<RawDriver>? instead = null)
    {
        RawDriverLoop? loop = null;
        CaseAttribute attribute = new("VSC-9001", "VS-X-28") { Title = "a case of the test" };
        CaseInfo info = new(attribute, "driver-tests", "test", (Action<DriverContext>)(c => body(c, loop!)));
        return Run(options, new CaseRun(info, Variant.Of(Vary.Nothing)[0]), instead, started => loop = started);
    }

    private CaseResult Run(SessionOptions? options, CaseRun run, Action<RawDriver>? instead = null, Action<RawDriverLoop>? started = null)
    {
        Results results = new();
        Guests guests = new(_kernel, _image, options, instead, started);
        new SuiteRunner(Register).Run(
            new RunRequest { Target = new Target(guests), Runs = [run], Seed = 5, TraceFolder = _traces, Patience = TimeSpan.FromSeconds(1) },
            results,
            TestContext.CurrentContext.CancellationToken);
        return results.All.Single();
    }

    private sealed class Target(IGuestSource guests) : IDriverTarget
    {
        public string Name => "bad-driver";

        public string? Version => null;

        public TargetRole Role => TargetRole.Driver;

        public string Transport => "vhost-user";

        public string? Digest => null;

        public IReadOnlyList<string>? Claims => null;

        public bool CanRestart => true;

        public IGuestSource Guests => guests;
    }

    /// <param name="options">Null: there is no driver.</param>
    private sealed class Guests(GuestKernel kernel, GuestImage image, SessionOptions? options, Action<RawDriver>? instead, Action<RawDriverLoop>? started) : IGuestSource
    {
        public Guest Boot(GuestVsock device, CancellationToken cancellation)
        {
            if (options is not null)
            {
                RawDriverLoop loop = new(((GuestVsock.VhostUser)device).Socket, options, instead);
                started?.Invoke(loop);
            }

            return UmlLauncher.Start(kernel, image, new UmlOptions(), cancellation);
        }
    }

    /// <summary>A raw driver on a thread of its own, which refuses every REQUEST, until its device is gone.</summary>
    private sealed class RawDriverLoop : IRingObserver
    {
        private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(5);
        private readonly ConcurrentQueue<Action<RawDriver>> work = [];

        public RawDriverLoop(string socket, SessionOptions options, Action<RawDriver>? instead) =>
            new Thread(() => Run(socket, options, instead)) { IsBackground = true }.Start();

        public Task<uint> Do(Func<RawDriver, uint> action)
        {
            TaskCompletionSource<uint> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
            work.Enqueue(driver =>
            {
                try
                {
                    done.SetResult(action(driver));
                }
                catch (TransportException e)
                {
                    done.SetException(e);
                }
            });
            return done.Task;
        }

        private void Run(string socket, SessionOptions options, Action<RawDriver>? instead)
        {
            try
            {
                VhostUserFrontEnd device = VhostUserFrontEnd.Connect(socket);
                device.Negotiate();
                Timeline timeline = new(TimeSpan.FromSeconds(10));
                using RawDriver driver = new(device, timeline, options, this, guestCid: 0, seed: 1);
                instead?.Invoke(driver);
                while (instead is null)
                {
                    _ = timeline.WaitUntil(Glance, () => Refuse(driver) || !work.IsEmpty);
                    if (work.TryDequeue(out Action<RawDriver>? action))
                    {
                        action(driver);
                    }
                }
            }
            catch (Exception e) when (e is TransportException or ErrnoException)
            {
                // The device is gone.
            }
        }

        private static bool Refuse(RawDriver driver)
        {
            while (driver.TakeStray(p => p.Op == Op.Request) is { Header: var asked })
            {
                driver.Send(new VsockHeader
                {
                    SrcCid = asked.DstCid,
                    DstCid = asked.SrcCid,
                    SrcPort = asked.DstPort,
                    DstPort = asked.SrcPort,
                    Type = asked.Type,
                    Op = Op.Rst,
                });
            }

            return false;
        }

        public void Posted(int queue, uint id, ReadOnlySpan<RingBuffer> buffers)
        {
        }

        public void Published(int queue)
        {
        }

        public void Kicked(int queue)
        {
        }

        public void Called(int queue, ulong count)
        {
        }

        public void Used(int queue, UsedChain chain)
        {
        }

        public void SentPacket(uint id, ReadOnlySpan<byte> packet)
        {
        }

        public void ReceivedPacket(uint id, ReadOnlySpan<byte> packet)
        {
        }

        public void Fenced()
        {
        }

        public void Violated(string requirement, int queue, string detail)
        {
        }
    }

    private sealed class Results : IRunListener
    {
        public List<CaseResult> All { get; } = [];

        public void TargetProbed(TargetFacts facts)
        {
        }

        public void CaseStarted(CaseRun run, int repetition)
        {
        }

        public void CaseFinished(CaseResult result) => All.Add(result);
    }
}
