using System.Globalization;
using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>The run, the suite, the machine and the guests: what somebody needs to do the same again.</summary>
internal sealed class EnvironmentSection(ReportContext context) : ISection
{
    public string Id => "environment";

    public string Title => "How it was tested";

    public void Write(HtmlWriter html)
    {
        RunReport report = context.Report;
        using (html.Open(Tag.Dl, Attr.Class("facts")))
        {
            html.Fact("suite", $"{report.Suite.Name} {report.Suite.Version}{(report.Suite.Commit is { } commit ? $", commit {commit}" : "")}");
            html.Fact("its tests", $"sha256 {report.Suite.CatalogueHash}", code: true);
            html.Fact("its register", $"sha256 {report.Suite.RegisterHash}", code: true);
            if (report.Suite.ProfilesHash is { } profiles)
            {
                html.Fact("its profiles", $"sha256 {profiles}", code: true);
            }

            if (report.Suite.KillMatrix is { } proof)
            {
                using (html.Fact("why believe it"))
                {
                    html.Text($"{proof.Killed} of {proof.Mutants} ");
                    html.Word("mutant", "mutants");
                    html.Text(" of the reference device and driver are caught by a test of the rule that they break; the list of them is sha256 ");
                    html.Element(Tag.Code, proof.Digest);
                }
            }

            if (report.Suite.Adopted is { } adopted)
            {
                html.Fact("tests of others", $"{adopted.Name} of {adopted.Package} {adopted.PackageVersion} (sha256 {adopted.PackageSha256}), against a guest with Linux {adopted.Guest}");
            }

            html.Fact("profile", report.Run.Profile + (report.Run.Shard is { } shard ? $", shard {shard}" : ""));
            html.Fact("seed", report.Run.Seed.ToString(CultureInfo.InvariantCulture), code: true);
            html.Fact("run", report.Run.Id, code: true);
            html.Fact("started", report.Run.StartedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture));
            html.Fact("took", HtmlParts.Seconds(report.Run.DurationMs));
            if (report.Parts.Count == 0)
            {
                html.Fact("machine", Machine(report.Environment));
            }

            foreach (IGrouping<EnvironmentInfo, RunPart> machine in report.Parts.GroupBy(p => p.Environment))
            {
                html.Fact("machine", $"of {string.Join(", ", machine.Select(p => p.Shard ?? p.Id))}: {Machine(machine.Key)}");
            }
        }

        WriteGuests(html, report.Guests);
        WriteSecondRuns(html, [.. report.Cases.Where(c => c.Repeated is not null)]);
    }

    private static string Machine(EnvironmentInfo machine) =>
        $"{machine.Cpu}, {HtmlParts.Count(machine.Cores, "core")}, {machine.MemoryMiB} MiB, {machine.Architecture}; {machine.Os}, Linux {machine.Kernel}, {machine.DotNet}";

    private static void WriteGuests(HtmlWriter html, IReadOnlyList<GuestRecord> guests)
    {
        if (guests.Count == 0)
        {
            return;
        }

        html.Element(Tag.H3, "Guests");
        foreach (GuestRecord guest in guests)
        {
            using (html.Open(Tag.Dl, Attr.Class("facts")))
            {
                html.Fact("guest", guest.ToString());
                html.Fact("its kernel", guest.KernelDigest, code: true);
                html.Fact("its initramfs", guest.ImageDigest, code: true);
                html.Fact("its driver accepted", guest.Features is { } features ? string.Join(", ", features) : null);
                html.Fact("given up", string.Join("; ", guest.GivenUp.Take(20)));
                html.Fact("its driver's own faults", string.Join("; ", guest.DriverFindings.Take(20)));
            }
        }
    }

    private static void WriteSecondRuns(HtmlWriter html, CaseResult[] results)
    {
        if (results.Length == 0)
        {
            return;
        }

        html.Element(Tag.H3, "Run twice");
        using (html.Open(Tag.Dl, Attr.Class("facts")))
        {
            foreach (CaseResult result in results)
            {
                html.Fact(result.FullName, $"{Status.Of(result.Verdict).Word} the second time: {result.Repeated}");
            }
        }
    }
}
