using System.Globalization;
using System.Text;
using Vsockspec.Cases;
using Vsockspec.Targets;

namespace Vsockspec.Results;

/// <summary><c>summary.md</c>: a run on one page, for people and for a continuous integration's job summary.</summary>
public static class MarkdownSummary
{
    /// <param name="certificate">Null: the run was not made for one.</param>
    public static byte[] Render(RunReport report, Certificate? certificate = null)
    {
        StringBuilder text = new();
        Head(text, report);
        Certificate(text, certificate);
        Areas(text, report);
        Levels(text, report);
        Failures(text, report);
        KnownFailures(text, report);
        NonStrict(text, report);
        Profile(text, report);
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static void Head(StringBuilder text, RunReport report)
    {
        text.Append(CultureInfo.InvariantCulture, $"# vsockspec: {Cell(report.Target.Name)}\n\n");
        if (report.Run.State != RunState.Complete)
        {
            text.Append(CultureInfo.InvariantCulture, $"**Partial: {report.Cases.Count} of {report.Run.Selected} results");
            text.Append(report.Run.Error is { } error ? $"; {Cell(error)}" : "").Append(".**\n\n");
        }

        text.Append("| | |\n|---|---|\n");
        Row("target", $"{report.Target.Name}{(report.Target.Version is { } version ? $" {version}" : "")} ({report.Target.Role}, {report.Target.Transport})");
        Row("program", report.Target.Digest is { } digest ? $"sha256 {digest}" : "unknown");
        Row("offers", string.Join(", ", report.Target.OfferedFeatures ?? []));
        Row("suite", $"{report.Suite.Name} {report.Suite.Version} {report.Suite.Commit}");
        if (report.Suite.KillMatrix is { } matrix)
        {
            Row("kill matrix", $"{matrix.Killed} of {matrix.Mutants} mutants of the reference caught, sha256 {matrix.Digest}");
        }

        if (report.Suite.Adopted is { } adopted)
        {
            Row("tests", $"{adopted.Name} of {adopted.Package} {adopted.PackageVersion} (sha256 {adopted.PackageSha256}), against a guest with Linux {adopted.Guest}");
        }

        Row("profile", report.Run.Profile + (report.Run.Shard is { } shard ? $", shard {shard}" : ""));
        Row("seed", report.Run.Seed.ToString(CultureInfo.InvariantCulture));
        Row("started", report.Run.StartedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) + " UTC");
        if (report.Parts.Count == 0)
        {
            Row("machine", Machine(report.Environment));
        }

        foreach (IGrouping<EnvironmentInfo, RunPart> machine in report.Parts.GroupBy(p => p.Environment))
        {
            Row($"machine of {string.Join(", ", machine.Select(p => p.Shard ?? p.Id))}", Machine(machine.Key));
        }

        foreach (GuestRecord guest in report.Guests)
        {
            Row("guest", guest.ToString());
        }

        foreach (CaseResult result in report.Cases.Where(c => c.Repeated is not null))
        {
            Row("run twice", $"{result.FullName}, {result.Verdict} the second time: {result.Repeated}");
        }

        void Row(string name, string value) => text.Append(CultureInfo.InvariantCulture, $"| {name} | {Cell(value.Trim())} |\n");
    }

    private static string Machine(EnvironmentInfo machine) => $"{machine.Cpu}, {machine.Cores} cores, {machine.Os}, Linux {machine.Kernel}, {machine.DotNet}";

    private static void Certificate(StringBuilder text, Certificate? certificate)
    {
        if (certificate is null)
        {
            return;
        }

        text.Append(certificate.Verdict == CertificateVerdict.Certified ? "\n## Certified\n\n" : "\n## Not certified\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{Cell(certificate.Statement)}\n\n");
        text.Append(
            CultureInfo.InvariantCulture,
            $"Issued {certificate.IssuedAt.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, valid until {certificate.ValidUntil.UtcDateTime:yyyy-MM-dd}. 'vsockspec verify' checks it.\n");
        List("Why not", certificate.Reasons.Select(r => $"`{r.Code}` {Cell(r.Text)}"));
        List("To be known", certificate.Notes.Select(Cell));
        List("Asked and not judged", certificate.Skipped.Select(s => $"{s.Verdict}, {Cell(s.Why)}: {string.Join(", ", s.Cases)}"));

        void List(string title, IEnumerable<string> lines)
        {
            string[] all = [.. lines];
            if (all.Length > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n{title}:\n\n- ").AppendJoin("\n- ", all).Append('\n');
            }
        }
    }

    private static void Areas(StringBuilder text, RunReport report)
    {
        Verdict[] verdicts = [.. report.Summary.ByVerdict.Keys.Order()];
        if (verdicts.Length == 0)
        {
            text.Append("\nNo case has run.\n");
            return;
        }

        text.Append("\n## Cases by area\n\n| area | ").AppendJoin(" | ", verdicts).Append(" |\n|---|").Insert(text.Length, "---:|", verdicts.Length).Append('\n');
        foreach (IGrouping<string, CaseResult> area in report.Cases.GroupBy(c => c.Area).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"| {Cell(area.Key)} | ").AppendJoin(" | ", verdicts.Select(v => area.Count(c => c.Verdict == v))).Append(" |\n");
        }

        text.Append("| **all** | ").AppendJoin(" | ", verdicts.Select(v => report.Summary.ByVerdict[v])).Append(" |\n");
    }

    private static void Levels(StringBuilder text, RunReport report)
    {
        Verdict[] verdicts = [.. report.Requirements.Select(r => r.Verdict).Distinct().Order()];
        if (verdicts.Length == 0)
        {
            return;
        }

        text.Append("\n## Requirements by level\n\n| level | ").AppendJoin(" | ", verdicts).Append(" |\n|---|").Insert(text.Length, "---:|", verdicts.Length).Append('\n');
        foreach ((RequirementLevel level, IReadOnlyDictionary<Verdict, int> counts) in report.Summary.ByLevel.OrderBy(p => p.Key))
        {
            text.Append(CultureInfo.InvariantCulture, $"| {level} | ").AppendJoin(" | ", verdicts.Select(v => counts.GetValueOrDefault(v))).Append(" |\n");
        }
    }

    private static void Failures(StringBuilder text, RunReport report)
    {
        CaseResult[] failures = [.. report.Cases.Where(c => Verdicts.ExitCode([c.Verdict]) != 0)];
        if (failures.Length == 0)
        {
            return;
        }

        text.Append("\n## Failures\n");
        foreach (CaseResult result in failures)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n### {Cell(result.FullName)}: {Cell(result.Title)}\n\n");
            Line("verdict", $"{result.Verdict}{(result.FailureCode is { } code ? $" `{code}`" : "")}");
            Line("requirements", string.Join(", ", result.Requirements));
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

            Line("trace", result.Trace);
            if (result.Log is { } log)
            {
                // Indented, so that nothing in a target's log can end the block.
                text.Append("- log:\n\n      ").AppendJoin("\n      ", log.Split('\n')).Append('\n');
            }
        }

        void Line(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                text.Append(CultureInfo.InvariantCulture, $"- {name}: {Cell(value)}\n");
            }
        }
    }

    private static void KnownFailures(StringBuilder text, RunReport report)
    {
        ExpectationUse[] entries = [.. (report.Expectations?.Entries ?? []).Where(e => e.Results.Count > 0)];
        if (entries.Length == 0)
        {
            return;
        }

        text.Append("\n## Known failures\n\n| case | failure | reason | owner | until | seen |\n|---|---|---|---|---|---|\n");
        foreach (ExpectationUse entry in entries)
        {
            string seen = string.Join(", ", entry.Results.Select(r => $"{r.Value} {r.Key}")) + (entry.Problem() is { } problem ? $"; **{problem}**" : "");
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {Cell(entry.Case)} | {Cell(entry.FailureCode)} | {Cell(entry.Reason)} ({Cell(entry.Link)}) | {Cell(entry.Owner)} | {entry.Expires:yyyy-MM-dd} | {seen} |\n");
        }
    }

    private static void NonStrict(StringBuilder text, RunReport report)
    {
        CaseResult[] results = [.. report.Cases.Where(c => c.Verdict == Verdict.NonStrict)];
        if (results.Length == 0)
        {
            return;
        }

        text.Append("\n## Legal, but not as recommended\n\n| case | requirements | observed |\n|---|---|---|\n");
        foreach (CaseResult result in results)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {Cell(result.FullName)} | {string.Join(", ", result.Requirements)} | {Cell(string.Join("; ", [result.Observed ?? "", .. result.Hints]))} |\n");
        }
    }

    private static void Profile(StringBuilder text, RunReport report)
    {
        if (report.ImplementationProfile.Count == 0)
        {
            return;
        }

        text.Append("\n## Implementation profile\n\nWhat the target does where the specification is silent.\n\n| situation | case | what | seen | variants |\n|---|---|---|---|---|\n");
        foreach (RecordedBehaviour entry in report.ImplementationProfile)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {string.Join(", ", entry.Situations)} | {entry.Case} | {Cell(entry.Key)} | {Cell(entry.Value)} | {string.Join(", ", entry.Variants)} |\n");
        }
    }

    /// <summary>One line without table separators or markup that a target's text could bring along.</summary>
    private static string Cell(string text) =>
        Printable.Clean(text.ReplaceLineEndings(" ")).Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
}
