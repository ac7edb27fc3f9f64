using System.CommandLine;
using System.Text.Json;
using Vsockspec.Perf;
using Vsockspec.Results;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec perf</c>: throughput and latency on the rings, beside the machine's own limits.</summary>
internal static class PerfCommand
{
    public static Command Create(Workbench bench) => new("perf", "Measure a target.") { CreateRun(bench) };

    private static Command CreateRun(Workbench bench)
    {
        Option<string> target = new("--target") { Description = "A built-in target or the path of a manifest.", DefaultValueFactory = _ => BuiltInTargets.Default, HelpName = "T" };
        Option<string> plan = new("--plan") { Description = "What to measure.", DefaultValueFactory = _ => PerfPlan.All[0].Name };
        Option<string?> output = new("--out") { Description = "Folder for perf.json and summary.md; a new one under out/ by default.", HelpName = "DIR" };
        Command command = new("run", "Measure throughput both ways and round trips, in turn with a bare socketpair.") { target, plan, output };
        command.SetAction((parsed, cancellation) =>
        {
            string name = parsed.GetRequiredValue(plan);
            PerfPlan chosen = PerfPlan.All.FirstOrDefault(p => p.Name == name)
                ?? throw new UsageException($"--plan: there is no plan '{name}'; known are: {string.Join(", ", PerfPlan.All.Select(p => p.Name))}");
            IDeviceTarget judged = BuiltInTargets.Find(parsed.GetRequiredValue(target), bench.Suites).ToTarget();
            string folder = Path.GetFullPath(parsed.GetValue(output) ?? Path.Combine("out", $"perf-{bench.Time.GetUtcNow():yyyyMMdd-HHmmss}"));
            Directory.CreateDirectory(folder);
            PerfReport report;
            try
            {
                EnvironmentInfo environment = EnvironmentInfo.OfThisMachine();
                Dictionary<string, string> facts = new() { ["kernel"] = environment.Kernel, ["cpu"] = environment.Cpu, ["cores"] = $"{environment.Cores}", ["dotnet"] = environment.DotNet };
                report = new PerfRun(judged, chosen, facts, bench.Time, bench.Out.WriteLine).Run(cancellation);
            }
            catch (PerfException e)
            {
                bench.Error.WriteLine($"vsockspec: {judged.Name}: {e.Message}");
                return Task.FromResult(ExitCodes.TargetFailed);
            }

            File.WriteAllText(Path.Combine(folder, "perf.json"), JsonSerializer.Serialize(report, CliJson.Options));
            string text = report.ToMarkdown();
            File.WriteAllText(Path.Combine(folder, "summary.md"), text);
            bench.Out.WriteLine();
            bench.Out.WriteLine(text);
            bench.Out.WriteLine(folder);
            return Task.FromResult(ExitCodes.Passed);
        });
        return command;
    }
}
