using System.CommandLine;
using Vsockspec.Perf;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Guests;
using Vsockspec.Perf.Latency;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Plans;
using Vsockspec.Perf.Reports;
using Vsockspec.Perf.Statistics;
using Vsockspec.Results;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec perf</c>: throughput and latency on the rings, beside the machine's own limits.</summary>
internal static class PerfCommand
{
    public const string Name = "perf";

    public static Command Create(Workbench bench) => new(Name, "Measure a target, compare two, keep a history.")
    {
        CreateRun(bench), CreateCompare(bench), PerfAlarmRateCommand.Create(bench), PerfHistoryCommand.Create(bench), PerfReportCommand.Create(bench),
    };

    private static Command CreateRun(Workbench bench)
    {
        Option<string> target = new("--target") { Description = "A built-in target or the path of a manifest.", DefaultValueFactory = _ => BuiltInTargets.Default, HelpName = "T" };
        Option<string> plan = PlanOption();
        Option<string?> output = new("--out") { Description = "Folder for perf.json, report.html and summary.md; a new one under out/ by default.", HelpName = "DIR" };
        GuestOptions guest = new();
        Option<bool> onlyIfFit = new("--only-if-fit") { Description = "Measure nothing on a machine that is unfit from the start." };
        Command command = new("run", "Measure a target by a plan, in turn with the machine's own limits; exit code 1 when it fails a workload, 3 when the machine was unfit.") { target, plan, onlyIfFit, output };
        foreach (Option option in guest.All)
        {
            command.Add(option);
        }

        command.SetAction((parsed, cancellation) =>
        {
            PerfPlan chosen = PerfPlan.Find(parsed.GetRequiredValue(plan), bench.Suites);
            TargetManifest manifest = BuiltInTargets.Find(parsed.GetRequiredValue(target), bench.Suites);
            IDeviceTarget judged = manifest.ToTarget();
            Dictionary<string, string> facts = Facts();
            using GuestPlace? guests = PerfGuests.Of(chosen, guest, parsed, manifest, bench, facts, cancellation);
            string folder = Path.GetFullPath(parsed.GetValue(output) ?? Path.Combine("out", $"perf-{bench.Time.GetUtcNow():yyyyMMdd-HHmmss}"));
            Directory.CreateDirectory(folder);
            PerfRun run = new(judged, chosen, facts, bench.Time, bench.Out.WriteLine)
            {
                Guests = guests,
                Keep = report => PerfJson.Write(report, folder),
                KeepHistogram = record => record.Histogram.TotalCount == 0 ? null : HistogramFile.Write(folder, record.Name, record.Histogram),
                Machine = bench.Machine,
                OnlyIfFit = parsed.GetValue(onlyIfFit),
            };
            PerfReport report = run.Run(cancellation);
            PerfDocuments.Write(folder, new ReportInput([report], []));
            string text = report.ToMarkdown();
            File.WriteAllText(Path.Combine(folder, "summary.md"), text);
            bench.Out.WriteLine();
            bench.Out.WriteLine(text);
            bench.Out.WriteLine(folder);
            return Task.FromResult(ExitCodeOf(report));
        });
        return command;
    }

    private static Command CreateCompare(Workbench bench)
    {
        CompareOptions usual = new();
        Option<string> first = new("--a") { Description = "The yardstick: a built-in target or the path of a manifest.", DefaultValueFactory = _ => BuiltInTargets.Default, HelpName = "T" };
        Option<string> second = new("--b") { Description = "What is judged by it.", DefaultValueFactory = _ => BuiltInTargets.Default, HelpName = "T" };
        Option<string> plan = PlanOption();
        Option<int> runs = new("--runs") { Description = "Runs, of both in turn, before the first look.", DefaultValueFactory = _ => usual.RunsEach, HelpName = "N" };
        Option<int> most = new("--most-runs") { Description = "Runs at most, while something is inconclusive.", DefaultValueFactory = _ => usual.MostRunsEach, HelpName = "N" };
        Option<double> tolerance = new("--tolerance") { Description = "A change that does not matter, in percent.", DefaultValueFactory = _ => usual.Tolerance * 100, HelpName = "PERCENT" };
        Option<string?> output = new("--out") { Description = "Folder for compare.json, report.html and summary.md; a new one under out/ by default.", HelpName = "DIR" };
        Option<bool> evenIfUnfit = new("--even-if-unfit") { Description = "Go on measuring on an unfit machine; the verdict is Inconclusive all the same." };
        Command command = new("compare", "Measure two targets in turn and say whether the second is slower.") { first, second, plan, runs, most, tolerance, evenIfUnfit, output };
        command.SetAction((parsed, cancellation) =>
        {
            CompareOptions options = new(Runs("--runs", parsed.GetValue(runs)), Runs("--most-runs", parsed.GetValue(most)), parsed.GetValue(tolerance) / 100);
            if (options.MostRunsEach < options.RunsEach)
            {
                throw new UsageException($"--most-runs {options.MostRunsEach}: is less than --runs {options.RunsEach}");
            }

            if (options.Tolerance is not (>= 0 and <= 1))
            {
                throw new UsageException($"--tolerance {parsed.GetValue(tolerance)}: give 0 to 100 percent");
            }

            IDeviceTarget a = BuiltInTargets.Find(parsed.GetRequiredValue(first), bench.Suites).ToTarget();
            IDeviceTarget b = BuiltInTargets.Find(parsed.GetRequiredValue(second), bench.Suites).ToTarget();
            string folder = Path.GetFullPath(parsed.GetValue(output) ?? Path.Combine("out", $"compare-{bench.Time.GetUtcNow():yyyyMMdd-HHmmss}"));
            Directory.CreateDirectory(folder);
            PerfPlan chosen = PerfGuests.WithoutGuests(PerfPlan.Find(parsed.GetRequiredValue(plan), bench.Suites));
            CompareReport report = new CompareRun(a, b, chosen, options, bench.Time, bench.Out.WriteLine)
            {
                Machine = bench.Machine,
                EvenIfUnfit = parsed.GetValue(evenIfUnfit),
                Keep = soFar => CompareJson.Write(soFar, folder),
            }.Run(Facts(), cancellation);
            CompareJson.Write(report, folder);
            PerfDocuments.Write(folder, new ReportInput([], [report]));
            string text = report.ToMarkdown();
            File.WriteAllText(Path.Combine(folder, "summary.md"), text);
            bench.Out.WriteLine();
            bench.Out.WriteLine(text);
            bench.Out.WriteLine(folder);
            if (report.Failure is { } failure)
            {
                bench.Error.WriteLine($"vsockspec: {failure.Sentence}");
            }

            return Task.FromResult(report.Verdict switch
            {
                PerfVerdict.Slower or PerfVerdict.Failed => ExitCodes.TargetFailed,
                PerfVerdict.Inconclusive => ExitCodes.Harness,
                _ => ExitCodes.Passed,
            });
        });
        return command;
    }

    internal static int Runs(string option, int runs) => runs is >= 2 and <= SignedRank.MostRuns
        ? runs
        : throw new UsageException($"{option} {runs}: give a whole number from 2 to {SignedRank.MostRuns}");

    internal static Option<string> PlanOption() => new("--plan")
    {
        Description = "What to measure: smoke, nightly, full, guest, or the path of a plan.",
        DefaultValueFactory = _ => PerfPlan.Default,
        HelpName = "P",
    };

    /// <summary>What failed is the target's; what was disturbed, or measured on an unfit machine, decides nothing.</summary>
    private static int ExitCodeOf(PerfReport report) =>
        report.Workloads.Any(w => w.Outcome == WorkloadOutcome.Failed) ? ExitCodes.TargetFailed
        : !report.Conditions.AreFit || report.Workloads.Any(w => w.Outcome == WorkloadOutcome.Disturbed) ? ExitCodes.Harness
        : ExitCodes.Passed;

    internal static Dictionary<string, string> Facts()
    {
        EnvironmentInfo environment = EnvironmentInfo.OfThisMachine();
        return new() { ["kernel"] = environment.Kernel, ["cpu"] = environment.Cpu, ["cores"] = $"{environment.Cores}", ["dotnet"] = environment.DotNet, ["placement"] = Placement.Description };
    }
}
