using System.CommandLine;
using Vsockspec.Cases;
using Vsockspec.Cli.Output;
using Vsockspec.Results;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec diff</c>: what changed between two bundles. Exit code 1 when a case became worse.</summary>
internal static class DiffCommand
{
    public static Command Create(Workbench bench)
    {
        Argument<string> before = CommonOptions.BundleArgument("A");
        Argument<string> after = CommonOptions.BundleArgument("B");
        Command command = new("diff", "Show what changed between two bundles; exit code 1 when a case became worse.") { before, after };
        command.SetAction(parsed =>
        {
            IReadOnlyList<CaseChange> changes = BundleDiff.Between(
                Bundle.Open(parsed.GetRequiredValue(before), bench.Register), Bundle.Open(parsed.GetRequiredValue(after), bench.Register));
            if (changes.Count == 0)
            {
                bench.Out.WriteLine("no difference");
                return ExitCodes.Passed;
            }

            TextTable table = new("case", "before", "after", "title");
            foreach (CaseChange change in changes)
            {
                table.Add(change.Case, Word(change.Before), Word(change.After), change.Title);
            }

            table.Print(bench.Out);
            return changes.Any(c => c.IsWorse) ? ExitCodes.TargetFailed : ExitCodes.Passed;
        });
        return command;
    }

    private static string Word(Verdict? verdict) => verdict?.ToString() ?? "absent";
}
