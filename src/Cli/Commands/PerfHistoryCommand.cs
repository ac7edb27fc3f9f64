using System.CommandLine;
using System.Globalization;
using Vsockspec.Perf;
using Vsockspec.Perf.Fitness;
using Vsockspec.Perf.Histories;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec perf history</c>: what nights of measurements tell.</summary>
internal static class PerfHistoryCommand
{
    public static Command Create(Workbench bench) => new("history", "Keep measurements and find lasting steps in them.") { CreateAppend(bench), CreateShow(bench), PerfRatesCommand.Create(bench) };

    private static Command CreateAppend(Workbench bench)
    {
        Argument<string> history = new("HISTORY") { Description = "Folder of the history; made when needed." };
        Argument<string> report = new("REPORT") { Description = "What 'vsockspec perf run' wrote: its folder, or perf.json." };
        Option<string?> commit = new("--commit") { Description = "What was measured.", HelpName = "C" };
        Option<string?> run = new("--run") { Description = "Names the measurement; by default the time at which it began.", HelpName = "ID" };
        Command command = new("append", "Add a measurement; one that is there already is left alone. Exit code 3, and nothing is added, when the machine was unfit.") { history, report, commit, run };
        command.SetAction(parsed => Guarded(() =>
        {
            PerfReport measured = PerfJson.Read(parsed.GetRequiredValue(report));
            if (FitnessWatch.WhyUnfit(measured.Conditions) is { } unfit)
            {
                bench.Error.WriteLine($"vsockspec: nothing is added, the machine was unfit: {unfit}");
                return ExitCodes.Harness;
            }

            string id = parsed.GetValue(run) ?? measured.StartedAt.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
            string machine = Nightly.MachineOf(measured);
            int added = new HistoryStore(parsed.GetRequiredValue(history)).Append(
                [.. Nightly.SeriesOf(measured).Select(s => new HistoryLine(s.Series, new HistoryEntry(HistoryEntry.CurrentSchema, id, measured.StartedAt, parsed.GetValue(commit), machine, s.Value)))]);
            bench.Out.WriteLine(added == 0 ? $"run {id} is there already" : $"run {id}: {added} series");
            return ExitCodes.Passed;
        }));
        return command;
    }

    private static Command CreateShow(Workbench bench)
    {
        Argument<string> history = new("HISTORY") { Description = "Folder of the history." };
        Command command = new("show", "Show lasting steps and between which commits they came; exit code 1 when one is a confirmed regression that nobody has looked at.") { history };
        command.SetAction(parsed => Guarded(() =>
        {
            string folder = parsed.GetRequiredValue(history);
            IReadOnlyList<History> all = new HistoryStore(folder).ReadAll();
            Triage triage = Triage.Load(folder);
            Trend trend = new(new ChangePointDetector(), all.Count);
            int regressions = 0;
            foreach (History nights in all)
            {
                foreach (string notice in nights.Notices)
                {
                    bench.Error.WriteLine($"notice: {notice}");
                }

                IReadOnlyList<Step> steps = trend.Steps(nights, Nightly.BetterOf(nights.Series));
                bench.Out.WriteLine($"{nights.Series}: {nights.Entries.Count} runs, {(steps.Count == 0 ? "no step" : $"{steps.Count} step{(steps.Count == 1 ? "" : "s")}")}");
                foreach (Step step in steps)
                {
                    TriageEntry? said = triage.Of(nights, step);
                    regressions += step is { IsRegression: true, IsConfirmed: true } && said is null ? 1 : 0;
                    bench.Out.WriteLine(Line(step, said));
                }
            }

            bench.Out.WriteLine(regressions == 0 ? "no confirmed regression that nobody has looked at" : $"{regressions} confirmed regression{(regressions == 1 ? "" : "s")} that nobody has looked at: say in {Path.Combine(folder, Triage.File)} what they are");
            return regressions == 0 ? ExitCodes.Passed : ExitCodes.TargetFailed;
        }));
        return command;
    }

    private static string Line(Step step, TriageEntry? said) => string.Create(
        CultureInfo.InvariantCulture,
        $"  {step.First.At:yyyy-MM-dd}  {step.LastBefore.Commit ?? step.LastBefore.Run}..{step.First.Commit ?? step.First.Run}  {step.Point.Before:0.###} -> {step.Point.After:0.###} ({step.Point.Change:+0.0 %;-0.0 %})  "
        + $"{(step.IsRegression ? "worse" : "better")}, {(step.IsConfirmed ? "confirmed" : "not confirmed")}{(said is null ? "" : $"; {said.State} by {said.By}: {said.Note}")}");

    private static int Guarded(Func<int> action)
    {
        try
        {
            return action();
        }
        catch (HistoryException e)
        {
            throw new UsageException(e.Message);
        }
    }
}
