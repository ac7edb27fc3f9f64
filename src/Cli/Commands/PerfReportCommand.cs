using System.CommandLine;
using Vsockspec.Perf.Histories;
using Vsockspec.Perf.Reports;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec perf report</c>: one page for people, and the figures for other programs, of what was measured, compared or kept.</summary>
internal static class PerfReportCommand
{
    private const int MostInputs = 8;

    public static Command Create(Workbench bench)
    {
        Argument<string[]> inputs = new("INPUT") { Description = "What 'perf run' or 'perf compare' wrote: a folder, perf.json or compare.json.", Arity = new ArgumentArity(0, MostInputs) };
        Option<string?> history = new("--history") { Description = "Folder of a history; the page then shows its lasting steps.", HelpName = "HISTORY" };
        Option<string?> output = new("--out") { Description = "Folder for report.html, summary.md and the figures as CSV, JSON and OpenMetrics; a new one under out/ by default.", HelpName = "DIR" };
        Command command = new("report", "Write a page, and the figures for other programs.") { inputs, history, output };
        command.SetAction(parsed =>
        {
            string[] places = parsed.GetValue(inputs) ?? [];
            string? nights = parsed.GetValue(history);
            if (places.Length == 0 && nights is null)
            {
                throw new UsageException("perf report: there is nothing to report; give what 'vsockspec perf run' or 'vsockspec perf compare' wrote, or --history");
            }

            ReportInput input = Read(places, nights);
            string folder = Path.GetFullPath(parsed.GetValue(output) ?? Path.Combine("out", $"perf-report-{bench.Time.GetUtcNow():yyyyMMdd-HHmmss}"));
            Directory.CreateDirectory(folder);
            PerfDocuments.Write(folder, input);
            File.WriteAllText(Path.Combine(folder, PerfDocuments.SummaryName), PerfDocuments.Summary(input));
            bench.Out.WriteLine(Path.Combine(folder, PerfDocuments.PageName));
            return ExitCodes.Passed;
        });
        return command;
    }

    private static ReportInput Read(IReadOnlyCollection<string> places, string? history)
    {
        try
        {
            return ReportFiles.Read(places, history);
        }
        catch (HistoryException e)
        {
            throw new UsageException(e.Message);
        }
    }
}
