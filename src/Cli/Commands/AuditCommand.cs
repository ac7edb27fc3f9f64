using System.CommandLine;
using System.Text.Json.Nodes;
using Vsockspec.Audit;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec audit</c>: judges real traffic, taken with vsockmon. Exit code 1 when a rule was broken.</summary>
internal static class AuditCommand
{
    public static Command Create(Workbench bench)
    {
        Argument<string> file = new("FILE") { Description = "A pcapng or pcap file of link type 271 (vsock)." };
        Option<ulong?> guest = new("--guest") { Description = "Judge only the traffic of the guest with this CID.", HelpName = "CID" };
        Option<bool> json = CommonOptions.Json();
        Command command = new("audit", "Judge a capture file: every packet of both sides, as far as a capture shows.") { file, guest, json };
        command.SetAction(parsed =>
        {
            CaptureReport report = CaptureAudit.Judge(parsed.GetRequiredValue(file), parsed.GetValue(guest));
            if (parsed.GetValue(json))
            {
                bench.Out.WriteLine(Json(report).ToJsonString(CliJson.Options));
            }
            else
            {
                Print(bench.Out, report);
            }

            return report.ViolationCount > 0 ? ExitCodes.TargetFailed : ExitCodes.Passed;
        });
        return command;
    }

    private static JsonObject Json(CaptureReport report) => new()
    {
        ["packets"] = report.Packets,
        ["flows"] = report.Flows,
        ["guests"] = new JsonArray([.. report.Guests.Select(g => JsonValue.Create(g))]),
        ["violations"] = report.ViolationCount,
        ["findings"] = new JsonArray([.. report.Findings.Concat(report.Notes).Select(Json)]),
        ["notJudged"] = new JsonArray([.. report.NotJudged.Select(reason => JsonValue.Create(reason))]),
    };

    private static JsonObject Json(Finding finding) => new()
    {
        ["packet"] = finding.Packet,
        ["requirement"] = finding.Requirement,
        ["severity"] = finding.Severity == FindingSeverity.Violation ? "violation" : "note",
        ["detail"] = finding.Detail,
    };

    private static void Print(TextWriter output, CaptureReport report)
    {
        foreach (Finding finding in report.Findings)
        {
            output.WriteLine($"packet {finding.Packet}: violates {finding.Requirement}: {finding.Detail}");
        }

        foreach (Finding note in report.Notes)
        {
            output.WriteLine($"packet {note.Packet}: note on {note.Requirement}: {note.Detail}");
        }

        string guests = report.Guests.Count == 0 ? "no guest" : "guest " + string.Join(", ", report.Guests);
        output.WriteLine($"{report.Packets} packets of {guests} in {report.Flows} flows: {report.ViolationCount} violations, {report.Notes.Count} notes");
        output.WriteLine("not judged:");
        foreach (string reason in report.NotJudged)
        {
            output.WriteLine($"  {reason}");
        }
    }
}
