using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>Cases that need somebody's attention, each with all that is known: rule, expected, observed, packets, last words, how to repeat.</summary>
internal sealed class FailureSection(ReportContext context, TimelineView timelines, string id, string title, string introduction, IReadOnlyCollection<Verdict> verdicts) : ISection
{
    /// <summary>So many stand open at first.</summary>
    private const int OpenAtFirst = 3;
    private const int LogLines = 60;

    /// <summary>Characters of logs that the section shows; more are in <c>results.json</c>.</summary>
    private const int MostLog = 200_000;
    private const int LongestLog = 8000;

    /// <summary>What the target did wrong before what could not be judged.</summary>
    private readonly CaseGroup[] groups =
        [.. context.Groups.Where(g => g.With(verdicts).Count > 0).OrderBy(g => Status.Of(g.With(verdicts)[0].Worst).Rank)];

    public string Id => id;

    public string Title => title;

    public bool IsEmpty => groups.Length == 0;

    public void Write(HtmlWriter html)
    {
        html.Element(Tag.P, introduction, Attr.Class("lead"));
        int log = MostLog;
        foreach ((int number, CaseGroup group) in groups.Index())
        {
            int share = Math.Max(5, TimelineView.MostPackets / groups.Length);
            WriteCase(html, group, number < OpenAtFirst, share, Math.Min(LongestLog, MostLog / groups.Length), ref log);
        }
    }

    private void WriteCase(HtmlWriter html, CaseGroup group, bool isOpen, int packets, int logShare, ref int log)
    {
        IReadOnlyList<CaseVariant> failing = group.With(verdicts);
        CaseVariant simplest = failing[0];
        CaseResult result = simplest.Telling;
        Attr[] attributes = [Attr.Class("case"), Attr.Id(Anchor.OfFailure(group.Id).Name)];
        using (html.Open(Tag.Details, isOpen ? [.. attributes, Attr.Open] : attributes))
        {
            using (html.Open(Tag.Summary))
            {
                html.Chip(result.Verdict);
                html.Text(" ");
                html.Element(Tag.Code, group.Id);
                html.Text(" ");
                html.Element(Tag.Span, group.Title, Attr.Class("title"));
            }

            if (group.Variants.Count > 1)
            {
                html.Element(Tag.P, Where(group, failing), Attr.Class("where"));
            }

            WriteRules(html, group);
            WriteFacts(html, simplest, result);
            html.Element(Tag.H4, "Packets");
            timelines.Write(html, result, packets);
            WriteLog(html, result, logShare, ref log);
            WriteOthers(html, failing);
        }

        html.Line();
    }

    /// <summary>In which variants it fails, and what these have in common.</summary>
    private static string Where(CaseGroup group, IReadOnlyList<CaseVariant> failing)
    {
        string some = failing.Count == group.Variants.Count
            ? $"In all {group.Variants.Count} variants. What follows is the simplest, {failing[0].Name}."
            : $"In {failing.Count} of {group.Variants.Count} variants: {string.Join(", ", failing.Select(f => f.Name))}. What follows is the simplest of them, {failing[0].Name}.";
        return group.CommonTo(failing) is { } common ? $"{some} Only variants with {common} are affected." : some;
    }

    private void WriteRules(HtmlWriter html, CaseGroup group)
    {
        using (html.Open(Tag.Ul, Attr.Class("rules")))
        {
            foreach (string requirement in group.Requirements)
            {
                using (html.Open(Tag.Li))
                {
                    html.Rule(context.Register, requirement);
                    if (context.Register.Find(requirement) is { } row)
                    {
                        html.Text(" ");
                        html.Element(Tag.Span, row.Keyword, Attr.Class("level"));
                        html.Text($" {row.Text} ");
                        html.Element(Tag.Span, $"clause {row.Clause}, {row.Label}", Attr.Class("clause"));
                    }
                    else if (context.Register.FindSituation(requirement) is { } situation)
                    {
                        html.Text($" {situation.Title}{(situation.Specification is { } says ? $" (specification: {says})" : "")}");
                    }
                }
            }
        }
    }

    private void WriteFacts(HtmlWriter html, CaseVariant variant, CaseResult result)
    {
        using (html.Open(Tag.Dl, Attr.Class("facts told")))
        {
            html.Fact("expected", result.Expected);
            if (result.Observed is { } observed)
            {
                using (html.Fact("observed"))
                {
                    html.TextWithLinks(observed);
                }
            }

            foreach (AuditFinding finding in result.Findings.Take(20))
            {
                using (html.Fact("auditor"))
                {
                    html.Rule(context.Register, finding.Requirement);
                    html.Text($" {(finding.Packet > 0 ? $"packet {finding.Packet}: " : "")}{HtmlParts.Cut(finding.Detail, 600)}");
                }
            }

            html.Fact("auditor", result.Findings.Count > 20 ? $"{result.Findings.Count - 20} more findings in results.json" : null);
            foreach (RegressionHint hint in result.Hints)
            {
                using (html.Fact("seen before"))
                {
                    html.TextWithLinks(hint.ToString());
                }
            }

            html.Fact("failure code", result.FailureCode, code: true);
            html.Fact("ended", Ending(result.Termination));
            html.Fact("repetitions", Repetitions(variant));
            html.Fact("run twice", result.Repeated);
            html.Fact("variant", variant.Name, code: true);
            html.Fact("seed", result.Seed.ToString(System.Globalization.CultureInfo.InvariantCulture), code: true);
            html.Fact("repeat it", $"vsockspec replay . '{result.FullName}'", code: true);
            if (result.Trace is { } trace)
            {
                using (html.Fact("trace"))
                {
                    html.FileLink(trace, trace);
                    html.Text(" (Wireshark and tshark read it)");
                }
            }
        }
    }

    private static string? Repetitions(CaseVariant variant) => variant.Results.Count == 1
        ? null
        : $"{variant.Results.Count}: {string.Join(", ", variant.Results.Select(r => Status.Of(r.Verdict).Word))}";

    private static string? Ending(Termination termination) => termination switch
    {
        Termination.TargetClosed => "the target closed the connection first",
        Termination.TargetExited => "the target's process ended",
        Termination.Hang => "the target stopped answering",
        Termination.NotStarted => "before there was a connection",
        _ => null,
    };

    private static void WriteLog(HtmlWriter html, CaseResult result, int share, ref int log)
    {
        if (result.Log is not { Length: > 0 } text)
        {
            return;
        }

        string[] lines = text.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        string tail = string.Join('\n', lines.TakeLast(LogLines));
        int room = Math.Min(share, log);
        string shown = tail.Length <= room ? tail : "…" + tail[(tail.Length - room)..];
        log -= shown.Length;
        html.Element(Tag.H4, "Last words of the target");
        html.Element(
            Tag.P,
            lines.Length > LogLines || tail.Length > room ? "The end of its console and stderr; all that was kept is in results.json." : "Its console and stderr.",
            Attr.Class("quiet"));
        using (html.Open(Tag.Div, Attr.Class("log"), Attr.TabStop, Attr.Role("region"), Attr.AriaLabel($"log of {result.FullName}")))
        {
            html.Element(Tag.Pre, shown);
        }
    }

    private static void WriteOthers(HtmlWriter html, IReadOnlyList<CaseVariant> failing)
    {
        if (failing.Count == 1)
        {
            return;
        }

        html.Element(Tag.H4, "The other variants");
        using (html.Open(Tag.Table, Attr.Class("cards")))
        {
            html.Head("variant", "verdict", "observed", "trace", "repeat it");
            using (html.Open(Tag.Tbody))
            {
                foreach (CaseVariant variant in failing.Skip(1))
                {
                    CaseResult result = variant.Telling;
                    using (html.Open(Tag.Tr))
                    {
                        html.Element(Tag.Td, variant.Name);
                        using (html.Open(Tag.Td))
                        {
                            html.Chip(result.Verdict);
                        }

                        html.Element(Tag.Td, result.Observed == failing[0].Telling.Observed ? "the same" : HtmlParts.Cut(result.Observed ?? "", 600));
                        using (html.Open(Tag.Td))
                        {
                            if (result.Trace is { } trace)
                            {
                                html.FileLink(trace, "trace");
                            }
                        }

                        using (html.Open(Tag.Td))
                        {
                            html.Element(Tag.Code, $"vsockspec replay . '{result.FullName}'");
                        }
                    }
                }
            }
        }
    }
}
