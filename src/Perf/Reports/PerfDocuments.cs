using System.Text;
using Vsockspec.Perf.Reports.Export;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Reports;

/// <summary>What is written of measurements besides the figures themselves.</summary>
public static class PerfDocuments
{
    public const string PageName = "report.html";
    public const string SummaryName = "summary.md";
    private const int MostSteps = 200;

    /// <summary>Writes report.html and the figures as CSV, JSON and OpenMetrics.</summary>
    /// <param name="folder">Is there.</param>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static void Write(string folder, ReportInput input)
    {
        IReadOnlyList<ExportFile> files = ExportFile.All(input);
        foreach (ExportFile file in files)
        {
            File.WriteAllBytes(Path.Combine(folder, file.Name), file.Content);
        }

        File.WriteAllBytes(Path.Combine(folder, PageName), PerfPage.Render(input, files, folder));
    }

    /// <summary>The verdict, then every part, as one page of Markdown.</summary>
    public static string Summary(ReportInput input)
    {
        PerfSentence verdict = PerfPage.Verdict(input);
        StringBuilder text = new();
        text.Append("# ").Append(Escaped(verdict.Headline)).Append("\n\n").Append(Escaped(verdict.Text)).Append('\n');
        foreach (string other in verdict.Others)
        {
            text.Append('\n').Append(Escaped(other)).Append('\n');
        }

        if (input.History is { } history)
        {
            text.Append('\n').Append(Steps(history));
        }

        foreach (string part in input.Comparisons.Select(c => c.ToMarkdown()).Concat(input.Runs.Select(r => r.ToMarkdown())))
        {
            text.Append("\n#").Append(part);
        }

        return text.ToString();
    }

    private static string Steps(HistoryView history)
    {
        StringBuilder text = new("## Steps\n\n");
        (JudgedHistory Series, JudgedStep Step)[] steps = [.. history.Steps.OrderBy(s => s.Step.IsOpen ? 0 : s.Step.Step.IsRegression ? 1 : 2)];
        if (steps.Length == 0)
        {
            return text.Append("No lasting step in ").Append(history.Series.Count).Append(" series.\n").ToString();
        }

        text.Append("| series | step | between | and | day | state |\n|---|---:|---|---|---|---|\n");
        foreach ((JudgedHistory series, JudgedStep step) in steps.Take(MostSteps))
        {
            string state = step switch
            {
                { Step.IsRegression: false } => "better",
                { Said: { } said } => $"{said.State} by {said.By}: {said.Note}",
                { Step.IsConfirmed: false } => "worse, not confirmed",
                _ => "**worse, nobody has looked**",
            };
            text.Append("| ").Append(Escaped(series.History.Series)).Append(" | ").Append(Numbers.Change(step.Step.Point.Change))
                .Append(" | ").Append(Escaped(Numbers.Place(step.Step.LastBefore))).Append(" | ").Append(Escaped(Numbers.Place(step.Step.First)))
                .Append(" | ").Append(Numbers.Day(step.Step.First.At)).Append(" | ").Append(step.Said is null ? state : Escaped(state)).Append(" |\n");
        }

        return text.ToString();
    }

    /// <summary>Text that stays text in Markdown and does not end a table's cell.</summary>
    private static string Escaped(string text)
    {
        StringBuilder escaped = new();
        foreach (char c in Printable.Clean(Numbers.Cut(text, 2000)))
        {
            _ = c switch
            {
                '\n' or '\t' => escaped.Append(' '),
                '<' => escaped.Append("&lt;"),
                (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069') => escaped.Append('\ufffd'),
                '|' or '`' or '[' or ']' or '\\' => escaped.Append('\\').Append(c),
                _ => escaped.Append(c),
            };
        }

        return escaped.ToString();
    }
}
