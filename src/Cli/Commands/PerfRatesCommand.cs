using System.CommandLine;
using Vsockspec.Perf.Histories;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec perf history rates</c>: how good the detection of steps is, on histories of which it is known what happened.</summary>
internal static class PerfRatesCommand
{
    private const int MostSeries = 100_000;

    public static Command Create(Workbench bench)
    {
        Option<int> series = new("--series") { Description = "Made-up histories for each cell of the tables.", DefaultValueFactory = _ => 200, HelpName = "N" };
        Option<int> seed = new("--seed") { Description = "The same seed makes the same tables.", DefaultValueFactory = _ => 1, HelpName = "N" };
        Option<int> together = new("--together") { Description = "How many series the history has that the tables are for: among many, one looks like a step by chance.", DefaultValueFactory = _ => 1, HelpName = "N" };
        Command command = new("rates", "Show how often 'show' finds a step of known size, and how often one that is none, on made-up histories.") { series, seed, together };
        command.SetAction((parsed, cancellation) =>
        {
            int count = parsed.GetValue(series);
            if (count is < 1 or > MostSeries)
            {
                throw new UsageException($"--series {count}: give 1 to {MostSeries}");
            }

            int many = parsed.GetValue(together) is var n and >= 1 and <= MostSeries ? n : throw new UsageException($"--together {parsed.GetValue(together)}: give 1 to {MostSeries}");
            bench.Out.Write(new DetectionRates(count, parsed.GetValue(seed), many).ToMarkdown(bench.Error.WriteLine, cancellation));
            return Task.FromResult(ExitCodes.Passed);
        });
        return command;
    }
}
