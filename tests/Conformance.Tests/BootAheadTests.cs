using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Targets;

namespace Vsockspec.Conformance.Tests;

/// <summary>Guests whose driver is judged boot while the one before still serves cases. The guest is the reference driver.</summary>
[NonParallelizable]
public sealed class BootAheadTests
{
    /// <summary>Three of the usual device, and one each for two others.</summary>
    private static readonly string[] Ids = ["VSC-2011", "VSC-2013", "VSC-2072", "VSC-2033", "VSC-2258"];

    private static readonly RequirementRegister Register = RequirementRegister.Load();
    private static readonly CaseRun[] Runs = [.. Catalogue.Of(typeof(DriverFixture).Assembly).RunsOnDrivers.Where(run => Ids.Contains(run.Case.Id))];

    [SetUp]
    public void RequireProcessors() => Assume.That(Environment.ProcessorCount, Is.GreaterThan(1), "nothing boots ahead on one processor");

    [Test]
    public void Guests_OfCasesForThreeDevices_BootOnceEach_AndThreeAtMostAtATime()
    {
        Booting target = new();
        Results results = new();
        Run(target, results, CancellationToken.None);

        Assert.That(results.All.Select(r => r.Verdict), Is.All.EqualTo(Verdict.Pass));
        Assert.That(results.Boots, Is.EqualTo(4), "one for each device, and the one that was asked first");
        Assert.That(target.Boots, Is.EqualTo(4), "none in vain");
        Assert.That(target.MostAtOnce, Is.InRange(2, 3), "the one at hand, the next, and the one to which the cases return");
        Assert.That(target.Running, Is.Zero);
    }

    [Test]
    public void GuestAhead_ThatDoesNotBoot_IsTheErrorOfItsOwnCasesOnly()
    {
        Booting target = new() { Refuses = 3 };
        Results results = new();
        Run(target, results, CancellationToken.None);

        Assert.That(results.All.Where(r => r.Verdict != Verdict.Pass).Select(r => (r.Id, r.Verdict, r.FailureCode, r.Observed)), Is.EqualTo([("VSC-2033", Verdict.HarnessError, "guest-not-ready", "not this one")]));
        Assert.That(target.Running, Is.Zero);
    }

    [Test]
    public void Run_CancelledWhileAGuestBootsAhead_EndsAtOnce_AndLeavesNothing()
    {
        using CancellationTokenSource cancel = new();
        Booting target = new() { Hangs = 3, Hung = cancel.Cancel };
        Assert.That(() => Run(target, new Results(), cancel.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(target.Boots, Is.EqualTo(3));
        Assert.That(target.Running, Is.Zero);
    }

    private static void Run(IDriverTarget target, IRunListener listener, CancellationToken cancellation) =>
        new SuiteRunner(Register).Run(new RunRequest { Target = target, Runs = Runs, Seed = 1 }, listener, cancellation);

    /// <summary>The reference driver, with a count of its guests.</summary>
    private sealed class Booting : IDriverTarget, IGuestSource
    {
        private readonly ReferenceDriverTarget inner = new("reference-driver", () => new());
        private readonly List<Guest> guests = [];

        public string Name => inner.Name;

        public string? Version => null;

        public TargetRole Role => TargetRole.Driver;

        public string Transport => inner.Transport;

        public string? Digest => null;

        public IReadOnlyList<string>? Claims => null;

        public bool CanRestart => true;

        public IGuestSource Guests => this;

        /// <summary>The number of the boot that fails; 0: none.</summary>
        public int Refuses { get; init; }

        /// <summary>The number of the boot that does not end by itself; 0: none.</summary>
        public int Hangs { get; init; }

        /// <summary>Called when it has begun.</summary>
        public Action Hung { get; init; } = () => { };

        public int Boots { get; private set; }

        public int MostAtOnce { get; private set; }

        public int Running => guests.Count(guest => !guest.HasExited);

        public Guest Boot(GuestVsock device, CancellationToken cancellation)
        {
            Boots++;
            if (Boots == Refuses)
            {
                throw new GuestException("not this one");
            }

            if (Boots == Hangs)
            {
                Hung();
                cancellation.WaitHandle.WaitOne();
                cancellation.ThrowIfCancellationRequested();
            }

            Guest guest = inner.Guests.Boot(device, cancellation);
            guests.Add(guest);
            MostAtOnce = Math.Max(MostAtOnce, Running);
            return guest;
        }
    }

    private sealed class Results : IRunListener
    {
        public List<CaseResult> All { get; } = [];

        public int Boots { get; private set; }

        public void TargetProbed(TargetFacts facts)
        {
        }

        public void GuestBooted(GuestRecord guest) => Boots += guest.Boots;

        public void CaseStarted(CaseRun run, int repetition)
        {
        }

        public void CaseFinished(CaseResult result) => All.Add(result);
    }
}
