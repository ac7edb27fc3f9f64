using System.Globalization;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Output;

/// <summary>Prints a report: a table by area, every failure with what is needed to understand and repeat it, one line of totals.</summary>
internal sealed class ReportPrinter(TextWriter output, bool colour)
{
    private const string Red = "\u001b[31m";
    private const string Green = "\u001b[32m";
    private const string Yellow = "\u001b[33m";
    private const string Plain = "\u001b[0m";

    public void Print(RunReport report, string folder)
    {
        PrintAreas(report);
        if (report.Target.UnknownOption is { } answer && UnknownOption.Remark(answer) is { } remark)
        {
            output.WriteLine($"{report.Target.Name}: {remark}");
        }

        foreach (GuestRecord guest in report.Guests)
        {
            output.WriteLine($"guest: {guest}");
        }

        foreach (CaseResult result in report.Cases.Where(c => c.Repeated is not null))
        {
            output.WriteLine($"run twice: {result.FullName}, {result.Verdict} the second time: {result.Repeated}");
        }

        foreach (CaseResult result in report.Cases.Where(c => Verdicts.ExitCode([c.Verdict]) != ExitCodes.Passed))
        {
            PrintFailure(result, folder);
        }

        foreach ((ExpectationUse entry, string problem) in RunOutcome.Problems(report))
        {
            output.WriteLine();
            output.WriteLine($"{Paint(Red, "known failures")} {entry.Case}  {problem} ({entry.Owner}, {entry.Link})");
        }

        PrintTotals(report, folder);
    }

    private void PrintAreas(RunReport report)
    {
        Verdict[] verdicts = [.. report.Summary.ByVerdict.Keys.Order()];
        if (verdicts.Length == 0)
        {
            return;
        }

        output.WriteLine();
        TextTable table = new(["area", .. verdicts.Select(v => v.ToString())]);
        foreach (IGrouping<string, CaseResult> area in report.Cases.GroupBy(c => c.Area).OrderBy(g => g.Min(c => c.Id), StringComparer.Ordinal))
        {
            table.Add([area.Key, .. verdicts.Select(v => Count(area.Count(c => c.Verdict == v)))]);
        }

        table.Print(output);
    }

    private void PrintFailure(CaseResult result, string folder)
    {
        output.WriteLine();
        output.WriteLine($"{Paint(Red, result.Verdict.ToString())} {result.FullName}  {result.Title}");
        Line("requirement", result.Requirements.Count == 0 ? "none: a test of an adopted suite" : string.Join(", ", result.Requirements) + $" ({result.Level})");
        Line("expected", result.Expected);
        Line("observed", result.Observed);
        foreach (AuditFinding finding in result.Findings)
        {
            Line("auditor", $"{finding.Requirement}: packet {finding.Packet}: {finding.Detail}");
        }

        foreach (RegressionHint hint in result.Hints)
        {
            Line("hint", hint.ToString());
        }

        Line("ended", result.Termination is Termination.Clean ? null : result.Termination.ToString());
        Line("log", result.Log);
        Line("trace", result.Trace is { } trace ? Path.Combine(folder, trace) : null);
        Line("replay", $"vsockspec replay '{folder}' '{result.FullName}'");
    }

    private void PrintTotals(RunReport report, string folder)
    {
        int exitCode = RunOutcome.ExitCode(report);
        string colourOfAll = exitCode == ExitCodes.Passed ? Green : exitCode == ExitCodes.TargetFailed ? Red : Yellow;
        string verdicts = string.Join(", ", report.Summary.ByVerdict.OrderBy(p => p.Key).Select(p => $"{p.Value} {p.Key}"));
        string partial = report.Cases.Count == report.Run.Selected ? "" : $" of {report.Run.Selected}";
        output.WriteLine();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{report.Cases.Count}{partial} cases: {Paint(colourOfAll, verdicts.Length == 0 ? "none" : verdicts)}; {report.Requirements.Count} requirements judged; {report.Run.DurationMs / 1000:0.0} s; {folder}"));
    }

    private void Line(string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            string indent = "\n" + new string(' ', 15);
            output.WriteLine($"  {name,-11}  {Printable.Clean(value).ReplaceLineEndings(indent)}");
        }
    }

    private string Paint(string code, string text) => colour ? $"{code}{text}{Plain}" : text;

    private static string Count(int count) => count == 0 ? "." : count.ToString(CultureInfo.InvariantCulture);
}
