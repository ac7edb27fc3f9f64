using System.CommandLine;
using System.Text.Json;
using Vsockspec.Perf;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Plans;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec perf alarm-rate</c>: how often a comparison accuses a target of being slower than itself.</summary>
internal static class PerfAlarmRateCommand
{
    private const int MostTimes = 100_000;

    public static Command Create(Workbench bench)
    {
        Option<string> target = new("--target") { Description = "A built-in target or the path of a manifest.", DefaultValueFactory = _ => BuiltInTargets.Default, HelpName = "T" };
        Option<string> plan = PerfCommand.PlanOption();
        Option<int> runs = new("--runs") { Description = "Runs, of the target twice in turn.", DefaultValueFactory = _ => new CompareOptions().RunsEach, HelpName = "N" };
        Option<int> times = new("--times") { Description = "How often the runs are labelled anew, and how many comparisons are simulated.", DefaultValueFactory = _ => 1000, HelpName = "N" };
        Option<int> seed = new("--seed") { Description = "The same seed labels and simulates alike.", DefaultValueFactory = _ => 1, HelpName = "N" };
        Option<string?> nights = new("--nights") { Description = "Folder of earlier nights, each with its alarm-rate.json: they are counted.", HelpName = "DIR" };
        Option<string?> output = new("--out") { Description = "Folder for alarm-rate.json and alarm-rate.md; a new one under out/ by default.", HelpName = "DIR" };
        Command command = new("alarm-rate", "Compare a target with itself and say how often such a comparison accuses it; exit code 3 when the machine was unfit.") { target, plan, runs, times, seed, nights, output };
        command.SetAction((parsed, cancellation) =>
        {
            int each = PerfCommand.Runs("--runs", parsed.GetValue(runs));
            int many = parsed.GetValue(times) is var n and >= 1 and <= MostTimes ? n : throw new UsageException($"--times {parsed.GetValue(times)}: give 1 to {MostTimes}");
            IDeviceTarget judged = BuiltInTargets.Find(parsed.GetRequiredValue(target), bench.Suites).ToTarget();
            PerfPlan chosen = PerfGuests.WithoutGuests(PerfPlan.Find(parsed.GetRequiredValue(plan), bench.Suites));
            Rate before = parsed.GetValue(nights) is { } folderOfNights ? AlarmRateReport.Nights(folderOfNights) : new Rate(0, 0);
            string folder = Path.GetFullPath(parsed.GetValue(output) ?? Path.Combine("out", $"alarm-rate-{bench.Time.GetUtcNow():yyyyMMdd-HHmmss}"));
            Directory.CreateDirectory(folder);

            // One look: what is asked is how the runs behave, not whether the target is equal to itself.
            CompareOptions options = new(each, each);
            AlarmRateRun run = new(judged, chosen, options, bench.Time, bench.Out.WriteLine) { Machine = bench.Machine };
            AlarmRateReport report;
            try
            {
                report = run.Run(PerfCommand.Facts(), before, many, parsed.GetValue(seed), cancellation);
            }
            catch (PerfException e)
            {
                bench.Error.WriteLine($"vsockspec: {e.Message}");
                return Task.FromResult(ExitCodes.TargetFailed);
            }

            File.WriteAllText(Path.Combine(folder, AlarmRateReport.File), JsonSerializer.Serialize(report, PerfJson.Options));
            string text = report.ToMarkdown();
            File.WriteAllText(Path.Combine(folder, "alarm-rate.md"), text);
            bench.Out.WriteLine();
            bench.Out.WriteLine(text);
            bench.Out.WriteLine(folder);
            return Task.FromResult(report.Conditions.AreFit ? ExitCodes.Passed : ExitCodes.Harness);
        });
        return command;
    }
}
