using System.CommandLine;
using Vsockspec.Cli.Output;
using Vsockspec.Results;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec report</c>: renders the documents of a bundle again (also those of a run that was killed) and prints the result. What is attested stays as it is.</summary>
internal static class ReportCommand
{
    public static Command Create(Workbench bench)
    {
        Argument<string> bundle = CommonOptions.BundleArgument();
        Option<string?> since = new("--since") { Description = "An earlier bundle; report.html then says what changed.", HelpName = "BUNDLE" };
        Command command = new("report", "Render a bundle's reports again and print the result.") { bundle, since };
        command.SetAction(parsed =>
        {
            string folder = Path.GetFullPath(parsed.GetRequiredValue(bundle));
            bool isAttested = File.Exists(Path.Combine(folder, Bundle.AttestationFile));
            if (isAttested && parsed.GetValue(since) is not null)
            {
                throw new UsageException($"--since: {folder} is attested, and another report.html would break that; copy the folder without {Bundle.AttestationFile}");
            }

            RunReport report = Bundle.Open(folder, bench.Register);
            RunReport? earlier = parsed.GetValue(since) is { } before ? Bundle.Open(Path.GetFullPath(before), bench.Register) : null;
            new ReportPrinter(bench.Out, bench.UseColour).Print(report, folder);
            if (!isAttested)
            {
                Bundle.Write(folder, report, bench.Register, earlier, Bundle.ReadCertificate(folder));
            }

            return report.Run.State == RunState.Complete ? RunOutcome.ExitCode(report) : ExitCodes.Harness;
        });
        return command;
    }
}
