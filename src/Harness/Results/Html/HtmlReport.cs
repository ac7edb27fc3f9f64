using System.Globalization;
using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>
/// <c>report.html</c>: a bundle as one page for people. It loads nothing, needs no script (one adds filters), and gives the same bytes for the same bundle.
/// </summary>
public static class HtmlReport
{
    /// <param name="folder">The bundle's folder, whose traces are shown; null: none are.</param>
    /// <param name="earlier">An earlier run to compare with; null: none.</param>
    /// <param name="certificate">Null: the run was not made for one.</param>
    public static byte[] Render(RunReport report, RequirementRegister register, string? folder = null, RunReport? earlier = null, Certificate? certificate = null)
    {
        ReportContext context = new(report, register, folder, earlier, certificate);
        TimelineView timelines = new(context);
        ISection[] sections =
        [
            new CertificateSection(context),
            new FailureSection(
                context, timelines, "failures", "Failures",
                "What needs somebody's attention, the rule first, then what was expected and what happened.",
                [Verdict.Fail, Verdict.UnexpectedPass, Verdict.Inconclusive, Verdict.HarnessError]),
            new FailureSection(
                context, timelines, "known-failures", "Known failures",
                "Rules that the target is known to break. They failed in exactly the way that was announced, and are borne until a date.",
                [Verdict.KnownFailure]),
            new ExpectationSection(context),
            new NonStrictSection(context),
            new TargetSection(context),
            new ChangesSection(context),
            new MatrixSection(context),
            new CasesSection(context),
            new ProfileSection(context),
            new RepeatSection(context),
            new EnvironmentSection(context),
            new GlossarySection(),
        ];
        HtmlWriter html = new();
        WritePage(html, context, [.. sections.Where(s => !s.IsEmpty)]);
        return html.ToBytes();
    }

    private static void WritePage(HtmlWriter html, ReportContext context, ISection[] sections)
    {
        VerdictSentence verdict = VerdictSentence.Of(context.Report).Under(context.Certificate);
        HtmlPage page = new($"{context.TargetName}: {verdict.Headline} – vsockspec", [ReportAsset.Style], ReportAsset.Script, sections);
        page.Write(html, () => WriteHeader(html, context, verdict), () => WriteFooter(html, context.Report));
    }

    private static void WriteHeader(HtmlWriter html, ReportContext context, VerdictSentence verdict)
    {
        RunReport report = context.Report;
        using (html.Open(Tag.P, Attr.Class("kind")))
        {
            html.Text("Conformance report, ");
            html.Word("virtio");
            html.Text(" ");
            html.Word("vsock");
            html.Text(" ");
            html.Word(report.Target.Role);
        }

        html.Element(Tag.H1, report.Target.Version is { } version ? $"{report.Target.Name} {version}" : report.Target.Name);
        html.Headline(verdict.Headline, verdict.Style, verdict.Text);
        WriteBar(html, report);
        using (html.Open(Tag.P, Attr.Class("what")))
        {
            html.Word("vsock", "Vsock");
            html.Text(" connects programs in a virtual machine with programs on the machine that runs it. The ");
            html.Word("device");
            html.Text(" is the host's side of it, the ");
            html.Word("driver");
            html.Text($" the guest's. This suite took the place of the other side, sent what the rules allow and what they do not, and read every packet and ring of the {report.Target.Role}.");
        }
    }

    /// <summary>The results as parts of one bar, with the numbers below.</summary>
    private static void WriteBar(HtmlWriter html, RunReport report)
    {
        (Status Status, int Count)[] parts = [.. report.Summary.ByVerdict.OrderBy(p => p.Key).Select(p => (Status.Of(p.Key), p.Value))];
        if (parts.Length == 0)
        {
            return;
        }

        using (html.Open(Tag.Svg, Attr.Class("bar"), Attr.ViewBox("0 0 1000 10"), Attr.Stretch, Attr.Decorative))
        {
            int x = 0;
            int before = 0;
            foreach ((Status status, int count) in parts)
            {
                before += count;
                int end = (int)(1000L * before / report.Cases.Count);
                html.Empty(Tag.Rect, Attr.Class(status.Style), Attr.X(x), Attr.Width(Math.Max(end - x, 1)), Attr.Height(10));
                x = end;
            }
        }

        using (html.Open(Tag.Ul, Attr.Class("counts")))
        {
            foreach ((Status status, int count) in parts)
            {
                using (html.Open(Tag.Li))
                {
                    html.Element(Tag.Strong, HtmlParts.Number(count));
                    html.Text(" ");
                    html.Chip(status);
                }
            }

            using (html.Open(Tag.Li, Attr.Class("quiet")))
            {
                html.Text($"{HtmlParts.Count(report.Cases.Count, "result")} in {HtmlParts.Seconds(report.Run.DurationMs)}, "
                    + report.Run.StartedAt.UtcDateTime.ToString("d MMMM yyyy", CultureInfo.InvariantCulture));
            }
        }
    }

    private static void WriteFooter(HtmlWriter html, RunReport report)
    {
        html.Text("Made from ");
        html.FileLink(Bundle.ResultsFile, Bundle.ResultsFile);
        html.Text($" by {report.Suite.Name} {report.Suite.Version}. This page loads nothing and runs without scripts.");
    }
}
