using System.CommandLine;
using Vsockspec.Cli.Output;
using Vsockspec.Results;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec merge</c>: makes one bundle of the shards of a run.</summary>
internal static class MergeCommand
{
    public static Command Create(Workbench bench)
    {
        Argument<string[]> bundles = new("BUNDLE") { Description = "Folders that runs wrote.", Arity = ArgumentArity.OneOrMore };
        Option<string> output = new("--out") { Description = "Folder of the new bundle.", HelpName = "DIR", Required = true };
        Command command = new("merge", "Make one bundle of the shards of a run.") { bundles, output };
        command.SetAction(parsed =>
        {
            string folder = Path.GetFullPath(parsed.GetRequiredValue(output));
            RunReport merged = BundleMerge.Merge(parsed.GetRequiredValue(bundles), folder, bench.Register);
            new ReportPrinter(bench.Out, bench.UseColour).Print(merged, folder);
            if (merged.Run.Error is { } error)
            {
                bench.Error.WriteLine($"vsockspec: {error}");
            }

            return merged.Run.State == RunState.Complete ? RunOutcome.ExitCode(merged) : ExitCodes.Harness;
        });
        return command;
    }
}
