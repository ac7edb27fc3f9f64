using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Targets;

namespace Vsockspec.Conformance;

/// <summary>What fixtures share whose cases need a guest.</summary>
internal static class GuestBench
{
    private const ulong Seed = 1;

    /// <summary>A mutant that keeps something back costs as much in each case.</summary>
    public static readonly TimeSpan MutantPatience = TimeSpan.FromSeconds(2);

    /// <summary>Guests side by side: a guest that boots fills a processor, one that serves a case seldom does.</summary>
    public static readonly int Jobs = Math.Clamp(Environment.ProcessorCount, 1, 4);

    private static readonly RequirementRegister Register = RequirementRegister.Load();

    /// <summary>The runs that need a guest, as far as they are wanted.</summary>
    public static CaseRun[] Runs(Func<CaseRun, bool> isWanted) => [.. Catalogue.Of(typeof(GuestBench).Assembly).Runs.Where(run => run.Case.NeedsGuest && isWanted(run))];

    public static IEnumerable<TestCaseData> Tests(IEnumerable<CaseRun> runs) =>
        runs.Select(run => new TestCaseData(run).SetName($"{run.FullName} {run.Case.Name}").SetCategory(run.Case.Area));

    /// <summary>Null when this machine has them all.</summary>
    public static string? Missing(params string[] tools)
    {
        string[] missing = [.. tools.Where(tool => ToolBox.OfThisMachine.Find(tool) is null)];
        return missing.Length == 0 ? null : $"{string.Join(", ", missing)}: not on this machine; run ci/setup.sh";
    }

    /// <summary>Where something is missing: an error in CI, a skip with the reason elsewhere.</summary>
    public static void Require(string? problem)
    {
        if (problem is null)
        {
            return;
        }

        if (Environment.GetEnvironmentVariable("CI") == "true")
        {
            Assert.Fail(problem);
        }

        Assert.Ignore(problem);
    }

    /// <summary>Runs the cases, on as many guests side by side as wanted; those that pass share a guest.</summary>
    public static GuestJudgement Judge(IGuestSource guests, ITarget target, IReadOnlyList<CaseRun> runs, TimeSpan patience, int jobs = 1)
    {
        GuestJudgement judgement = new();
        new SuiteRunner(Register).Run(
            new RunRequest { Target = target, Runs = runs, Seed = Seed, Patience = patience, Guests = guests, Jobs = jobs },
            judgement,
            TestContext.CurrentContext.CancellationToken);
        return judgement;
    }
}

/// <summary>What came of such cases.</summary>
internal sealed class GuestJudgement : IRunListener
{
    private readonly Dictionary<string, CaseResult> results = [];
    private readonly List<string> driverFindings = [];

    public CaseResult this[CaseRun run] => results[run.FullName];

    /// <summary>What the guests' own drivers were accused of.</summary>
    public IReadOnlyList<string> DriverFindings => driverFindings;

    public void GuestBooted(GuestRecord guest) => driverFindings.AddRange(guest.DriverFindings);

    public void TargetProbed(TargetFacts facts)
    {
    }

    public void CaseStarted(CaseRun run, int repetition)
    {
    }

    public void CaseFinished(CaseResult result) => results[result.FullName] = result;
}
