using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Reports.Charts;
using Vsockspec.Perf.Reports.Export;
using Vsockspec.Perf.Reports.Sections;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports;

/// <summary>
/// <c>report.html</c> of measurements, comparisons and histories: one page for people that loads nothing, needs no script (one adds filters), and is the same for the same figures.
/// </summary>
public static class PerfPage
{
    private static readonly ReportAsset Style = new(typeof(PerfPage).Assembly, "perf.css");

    public static byte[] Render(ReportInput input) => Render(input, ExportFile.All(input), folder: null);

    /// <param name="files">The figures for other programs.</param>
    /// <param name="folder">Where the page will be; null: nowhere yet.</param>
    internal static byte[] Render(ReportInput input, IReadOnlyList<ExportFile> files, string? folder)
    {
        RunView[] targets = Targets(input, folder);
        ISection[] sections =
        [
            .. input.Comparisons.Select((c, i) => new ComparisonSection(c, i, input.Comparisons.Count == 1)),
            .. input.History is { } history ? [new HistorySection(history), new AlarmRateSection(history.Alarms)] : Array.Empty<ISection>(),
            .. targets.SelectMany(SectionsOf),
            new DataSection(files),
            new WordsSection(),
        ];
        PerfSentence verdict = Verdict(input, targets);
        string title = TitleOf(input, targets);
        HtmlWriter html = new();
        HtmlPage page = new($"{title}: {verdict.Headline} – vsockspec", [ReportAsset.Style, Style], ReportAsset.Script, [.. sections.Where(s => !s.IsEmpty)]);
        page.Write(html, () => WriteHeader(html, input, title, verdict, targets), () => html.Text("Made by vsockspec. This page loads nothing and runs without scripts."));
        return html.ToBytes();
    }

    internal static PerfSentence Verdict(ReportInput input) => Verdict(input, Targets(input, folder: null));

    private static PerfSentence Verdict(ReportInput input, RunView[] targets) => PerfSentence.Of(
    [
        .. input.Comparisons.Select(PerfSentence.Of),
        .. input.History is { } history ? [PerfSentence.Of(history)] : Array.Empty<PerfSentence>(),
        .. targets.Select(PerfSentence.Of),
    ]);

    private static RunView[] Targets(ReportInput input, string? folder) => [.. input.Runs.Select((r, i) => new RunView(r, i, input.Runs.Count == 1, folder))];

    private static ISection[] SectionsOf(RunView target)
    {
        TroubleSection trouble = new(target);
        ISection[] figures =
        [
            new ThroughputSection(target), new VariantsSection(target), new LatencySection(target), new GoalsSection(target), new CountersSection(target), new FiguresSection(target),
        ];
        return trouble.IsGrave ? [trouble, .. figures, new MachineSection(target)] : [.. figures, trouble, new MachineSection(target)];
    }

    private static string TitleOf(ReportInput input, RunView[] targets)
    {
        CompareReport? comparison = input.Comparisons.Count > 0 ? input.Comparisons[0] : null;
        return (targets, comparison) switch
        {
            (_, not null) => $"{Numbers.Cut(comparison.B.Name, 60)} beside {Numbers.Cut(comparison.A.Name, 60)}",
            ([var only], _) => only.Report.Target.Version is { } version ? $"{only.Name} {Numbers.Cut(version, 40)}" : only.Name,
            ([], _) => "History",
            _ => Numbers.Cut(string.Join(", ", targets.Select(t => t.Name)), 160),
        };
    }

    private static void WriteHeader(HtmlWriter html, ReportInput input, string title, PerfSentence verdict, RunView[] targets)
    {
        ChartDrawing.WriteShapes(html);
        using (html.Open(Tag.P, Attr.Class("kind")))
        {
            html.Text("Performance report, virtio ");
            html.Word("vsock");
            html.Text(" ");
            html.Word("device");
        }

        html.Element(Tag.H1, title);
        html.Headline(verdict.Headline, verdict.Style, [verdict.Text, .. verdict.Others]);
        if (targets.Length > 0)
        {
            Tiles.Write(html, targets[0]);
        }

        using (html.Open(Tag.P, Attr.Class("what")))
        {
            html.Word("vsock", "Vsock");
            html.Text(" connects programs in a virtual machine with programs on the machine that runs it. The ");
            html.Word("device");
            html.Text(" is the host's side of it. It was measured on its rings, with no virtual machine between, and every byte that it carried was compared with what was sent. ");
            html.Text(input.Runs.Count > 0 ? $"Measured on {Numbers.Day(input.Runs[0].StartedAt)}." : input.Comparisons.Count > 0 ? $"Compared on {Numbers.Day(input.Comparisons[0].StartedAt)}." : "");
        }
    }
}
