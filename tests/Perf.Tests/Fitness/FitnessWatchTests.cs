using NUnit.Framework;
using Vsockspec.Perf.Fitness;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Tests.Fitness;

[TestFixture]
public sealed class FitnessWatchTests
{
    private const int Target = 101;
    private const int Compiler = 200;
    private FakeMachine machine = new();

    [SetUp]
    public void MakeMachine() => machine = new FakeMachine { Running = { [Target] = ("device", FakeMachine.Us, 0), [Compiler] = ("(cc) 1 1", 1, 0) } };

    [Test]
    public void Watch_OfAQuietMachine_IsFit()
    {
        FitnessWatch watch = new(machine);
        machine.Pass(10, (FakeMachine.Us, 900), (Target, 900));
        Assert.That(watch.SoFar.AreFit, Is.True);
        Assert.That(Check(watch, "load"), Is.EqualTo(new Condition("load", ConditionGrade.Good, "0.0 % of the processors' time used by other processes", null)));
        Assert.That(watch.SoFar.Checks.Where(c => c.Grade is ConditionGrade.Doubtful or ConditionGrade.Unfit), Is.Empty);
    }

    [TestCase(20, ConditionGrade.Good)]
    [TestCase(100, ConditionGrade.Doubtful)]
    [TestCase(400, ConditionGrade.Unfit)]
    public void Load_OfOthers_IsGradedAndHasARemedy(int ticks, ConditionGrade expected)
    {
        FitnessWatch watch = new(machine);
        MachineMoment begin = watch.Mark();
        machine.Pass(10, (FakeMachine.Us, 500), (Target, 500), (Compiler, ticks));
        Assert.That(Check(watch, "load").Grade, Is.EqualTo(expected));
        Assert.That(Check(watch, "load").Remedy, expected == ConditionGrade.Good ? Is.Null : Does.Contain("'top' shows it"));
        Assert.That(watch.DisturbanceSince(begin), expected == ConditionGrade.Unfit ? Does.StartWith("load: ") : Is.Null);
    }

    /// <summary>A machine that is busy from the start is refused before anything is measured.</summary>
    [Test]
    public void Watch_OfABusyMachine_IsUnfitAtOnce()
    {
        BusyMachine busy = new(machine, Compiler);
        FitnessWatch watch = new(busy);
        Assert.That(watch.SoFar.AreFit, Is.False);
        Assert.That(FitnessWatch.WhyUnfit(watch.SoFar), Does.Match(@"^load: [3-6][0-9]\.[0-9] % of the processors' time used by other processes \(end what else runs"));
    }

    /// <summary>A child that has ended and was waited for is still ours: its time is in the parent's line.</summary>
    [Test]
    public void Load_OfATargetThatHasEnded_IsOurs()
    {
        FitnessWatch watch = new(machine);
        machine.Pass(10, (Target, 900));
        long used = machine.Running[Target].Ticks;
        _ = machine.Running.Remove(Target);
        machine.Running[FakeMachine.Us] = machine.Running[FakeMachine.Us] with { Ticks = machine.Running[FakeMachine.Us].Ticks + used };
        Assert.That(Check(watch, "load").Grade, Is.EqualTo(ConditionGrade.Good));
    }

    [Test]
    public void Load_OfATargetThatOthersStarted_IsOursFromWhenItIsFollowed()
    {
        machine.Running[Target] = ("device", 1, 5000);
        FitnessWatch watch = new(machine);
        watch.Follow(Target);
        machine.Pass(10, (Target, 900));
        Assert.That(Check(watch, "load").Observed, Does.StartWith("0.0 %"));
    }

    [Test]
    public void Load_OfTheKernelsWorkerForUs_IsOurs()
    {
        machine.Running[300] = ($"vhost-{FakeMachine.Us}", 2, 0);
        FitnessWatch watch = new(machine);
        machine.Pass(10, (300, 900));
        Assert.That(Check(watch, "load").Grade, Is.EqualTo(ConditionGrade.Good));
    }

    [Test]
    public void Load_OfProcessesInACircle_IsNotOurs()
    {
        machine.Running[301] = ("a", 302, 0);
        machine.Running[302] = ("b", 301, 0);
        FitnessWatch watch = new(machine);
        machine.Pass(10, (301, 900));
        Assert.That(Check(watch, "load").Grade, Is.EqualTo(ConditionGrade.Unfit));
    }

    [TestCase(10, ConditionGrade.Good)]
    [TestCase(60, ConditionGrade.Doubtful)]
    [TestCase(300, ConditionGrade.Unfit)]
    public void Steal_IsGraded(int ticks, ConditionGrade expected)
    {
        FitnessWatch watch = new(machine);
        machine.Pass(10, (FakeMachine.Us, 100));
        machine.Steal += ticks;
        Assert.That(Check(watch, "steal").Grade, Is.EqualTo(expected));
    }

    [TestCase(0, ConditionGrade.Good)]
    [TestCase(50_000, ConditionGrade.Doubtful)]
    [TestCase(500_000, ConditionGrade.Unfit)]
    public void MemoryPressure_IsGraded(long microseconds, ConditionGrade expected)
    {
        const string File = "/proc/pressure/memory";
        machine.Files[File] = "some avg10=0.00 avg60=0.00 avg300=0.10 total=131470054\nfull avg10=0.00 avg60=0.00 avg300=0.06 total=48490662\n";
        FitnessWatch watch = new(machine);
        machine.Pass(10);
        machine.Files[File] = $"some avg10=0.00 avg60=0.00 avg300=0.10 total={131470054 + microseconds}\nfull avg10=0.00 avg60=0.00 avg300=0.06 total=48490662\n";
        Assert.That(Check(watch, "memory-pressure").Grade, Is.EqualTo(expected));
    }

    [Test]
    public void Heat_ThatSlowsACore_IsUnfit()
    {
        const string File = "/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count";
        machine.Files[File] = "7\n";
        FitnessWatch watch = new(machine);
        Assert.That(Check(watch, "heat").Grade, Is.EqualTo(ConditionGrade.Good));
        machine.Files[File] = "9\n";
        Assert.That(Check(watch, "heat"), Is.EqualTo(new Condition("heat", ConditionGrade.Unfit, "cores were slowed down 2 times because of heat", "cool the machine, or lower its clock so that it keeps it")));
    }

    [Test]
    public void Clock_OfASuspendedMachine_IsADisturbance()
    {
        FitnessWatch watch = new(machine);
        MachineMoment begin = watch.Mark();
        machine.Pass(5);
        machine.Suspended += TimeSpan.FromSeconds(30);
        Assert.That(watch.DisturbanceSince(begin), Is.EqualTo("clock: the machine was suspended for 30.0 s (keep it awake: systemd-inhibit vsockspec ...)"));
        Assert.That(watch.SoFar.AreFit, Is.False);
    }

    [TestCase(3600, "forward")]
    [TestCase(-2, "back")]
    public void Clock_ThatIsSet_IsADisturbance(double seconds, string way)
    {
        FitnessWatch watch = new(machine);
        MachineMoment begin = watch.Mark();
        machine.Pass(5);
        machine.Set += TimeSpan.FromSeconds(seconds);
        Assert.That(watch.DisturbanceSince(begin), Does.Contain($"the time of day was set {way} by {Math.Abs(seconds):0.0} s"));
        Assert.That(watch.DisturbanceSince(watch.Mark()), Is.Null, "what is measured afterwards is not touched by it");
    }

    [Test]
    public void Clock_ThatIsSteered_IsNoJump()
    {
        FitnessWatch watch = new(machine);
        MachineMoment begin = watch.Mark();
        machine.Pass(60);
        machine.Set += TimeSpan.FromMilliseconds(30);
        Assert.That(watch.DisturbanceSince(begin), Is.Null);
    }

    [TestCase(1.00, 1.00, ConditionGrade.Good)]
    [TestCase(0.95, 1.00, ConditionGrade.Doubtful)]
    [TestCase(1.00, 1.05, ConditionGrade.Doubtful)]
    [TestCase(0.80, 1.00, ConditionGrade.Unfit)]
    [TestCase(1.00, 1.30, ConditionGrade.Unfit)]
    public void Calibration_InBetween_TellsAMachineWhoseSpeedChanges(double copies, double trips, ConditionGrade expected)
    {
        FitnessWatch watch = new(machine);
        machine.Speeds = [new Calibration(10e9 * copies, 3 * trips)];
        watch.Calibrate();
        Condition check = Check(watch, "calibration");
        Assert.That(check.Grade, Is.EqualTo(expected));
        Assert.That(check.Observed, Does.StartWith("6 times the same work"));
        Assert.That(check.Remedy is null, Is.EqualTo(expected == ConditionGrade.Good));
    }

    [Test]
    public void Calibration_OfAMachineThatGoesUpAndDown_IsUnfitAtOnce()
    {
        machine.Speeds = [new Calibration(10e9, 3), new Calibration(7e9, 4)];
        Assert.That(new FitnessWatch(machine).SoFar.AreFit, Is.False);
    }

    /// <summary>A container, or a kernel of another make: nothing is claimed, and nothing refused for it.</summary>
    [Test]
    public void Watch_OfAMachineThatTellsNothing_IsUnknownAndFit()
    {
        machine.Files["/proc/stat"] = "intr 5\n";
        FitnessWatch watch = new(machine);
        machine.Pass(10);
        Assert.That(watch.SoFar.AreFit, Is.True);
        Assert.That(Check(watch, "load").Grade, Is.EqualTo(ConditionGrade.Unknown));
        Assert.That(Check(watch, "steal").Grade, Is.EqualTo(ConditionGrade.Unknown));
        Assert.That(Check(watch, "governor"), Is.EqualTo(new Condition("governor", ConditionGrade.Unknown, "the kernel does not say", "in a virtual machine, look at its host")));
    }

    [TestCase("cpu  x y z\n")]
    [TestCase("cpu  1 2 3\n")]
    [TestCase("cpu  1 2 3 4 5 6 7 99999999999999999999999\n")]
    [TestCase("")]
    public void CpuTimes_OfWhatIsNoStat_AreNone(string text)
    {
        machine.Files["/proc/stat"] = text;
        Assert.That(CpuTimes.Of(machine), Is.Null);
    }

    [TestCase("")]
    [TestCase("7 )x( S 100")]
    [TestCase("7 (x) S")]
    public void ProcessTimes_OfWhatIsNoStat_AreLeftOut(string text)
    {
        machine.Files[$"/proc/{Compiler}/stat"] = text;
        Assert.That(ProcessTimes.Ours(machine, [Compiler]), Is.EqualTo(10));
    }

    [TestCase("cpu0/cpufreq/scaling_governor", "powersave\n", "governor", "cpupower frequency-set")]
    [TestCase("intel_pstate/no_turbo", "0\n", "turbo", "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo")]
    [TestCase("cpufreq/boost", "1\n", "turbo", "echo 0 > /sys/devices/system/cpu/cpufreq/boost")]
    [TestCase("smt/active", "1\n", "smt", "echo off > /sys/devices/system/cpu/smt/control")]
    [TestCase("../../../kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n", "huge-pages", "echo madvise")]
    public void Standing_NotAsOneWouldHaveIt_IsDoubtfulWithARemedy(string file, string content, string name, string remedy)
    {
        machine.Files[Path.GetFullPath(file, "/sys/devices/system/cpu")] = content;
        Condition check = StandingConditions.Of(machine).Single(c => c.Name == name);
        Assert.That(check.Grade, Is.EqualTo(ConditionGrade.Doubtful));
        Assert.That(check.Remedy, Does.StartWith(remedy));
    }

    [TestCase("cpu0/cpufreq/scaling_governor", "performance\n", "governor")]
    [TestCase("intel_pstate/no_turbo", "1\n", "turbo")]
    [TestCase("smt/active", "0\n", "smt")]
    [TestCase("../../../kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n", "huge-pages")]
    [TestCase("vulnerabilities/meltdown", "Mitigation: PTI\n", "mitigations")]
    public void Standing_AsItShouldBe_IsGood(string file, string content, string name)
    {
        machine.Files[Path.GetFullPath(file, "/sys/devices/system/cpu")] = content;
        Assert.That(StandingConditions.Of(machine).Single(c => c.Name == name), Has.Property(nameof(Condition.Grade)).EqualTo(ConditionGrade.Good).And.Property(nameof(Condition.Remedy)).Null);
    }

    [Test]
    public void Mitigations_AreNamed()
    {
        machine.Files["/sys/devices/system/cpu/vulnerabilities/meltdown"] = "Mitigation: PTI\n";
        machine.Files["/sys/devices/system/cpu/vulnerabilities/mds"] = "Vulnerable\n";
        machine.Files["/sys/devices/system/cpu/vulnerabilities/l1tf"] = "Not affected\n";
        Assert.That(StandingConditions.Of(machine).Single(c => c.Name == "mitigations").Observed, Is.EqualTo("meltdown; open: mds"));
    }

    /// <summary>The real machine, whatever it is: everything is asked, and nothing stands still.</summary>
    [Test]
    public void LinuxMachine_IsRead()
    {
        LinuxMachine real = new();
        MachineMoment before = MachineMoment.Of(real, []);
        Calibration speed = real.Calibrate();
        MachineMoment after = MachineMoment.Of(real, []);
        Assert.That(speed.CopyBytesPerSecond, Is.GreaterThan(1e8));
        Assert.That(speed.RoundTripMicroseconds, Is.InRange(0.1, 10_000));
        Assert.That(after.Clocks.Monotonic, Is.GreaterThan(before.Clocks.Monotonic));
        Assert.That(after.Cpu!.All, Is.GreaterThan(before.Cpu!.All));
        Assert.That(after.OurTicks, Is.GreaterThan(before.OurTicks), "a calibration takes more than a tick");
        Assert.That(StandingConditions.Of(real), Has.Count.EqualTo(5));
    }

    private static Condition Check(FitnessWatch watch, string name) => watch.SoFar.Checks.Single(c => c.Name == name);

    /// <summary>One processor of the machine is always busy with something else.</summary>
    private sealed class BusyMachine(FakeMachine machine, int with) : IMachine
    {
        public int ProcessId => machine.ProcessId;

        public string? Read(string path) => machine.Read(path);

        public IReadOnlyList<string> Names(string folder) => machine.Names(folder);

        public ClockReading Clocks() => machine.Clocks();

        public Calibration Calibrate()
        {
            machine.Pass(0, (with, 10));
            return machine.Calibrate();
        }
    }
}
