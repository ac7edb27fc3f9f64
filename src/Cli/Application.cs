using System.CommandLine;
using System.CommandLine.Parsing;
using Vsockspec.Audit;
using Vsockspec.Cli.Commands;
using Vsockspec.Guests;
using Vsockspec.Results;
using Vsockspec.Targets;
using Vsockspec.Targets.Containers;

namespace Vsockspec.Cli;

/// <summary>The program: from arguments to an exit code.</summary>
internal static class Application
{
    public static readonly Option<bool> Verbose = new("--verbose") { Description = "Show where an error came from.", Recursive = true };

    public static RootCommand Create(Workbench bench)
    {
        RootCommand root = new("Judges virtio-vsock implementations, and measures them.");
        if (bench.RunSuite is { } runSuite)
        {
            root.Add(RunCommand.Create(bench, runSuite));
            root.Add(ReplayCommand.Create(bench, runSuite));
            root.Add(CertifyCommand.Create(bench, runSuite));
        }

        root.Add(VerifyCommand.Create(bench));

        root.Add(ListCommand.Create(bench));
        root.Add(ReportCommand.Create(bench));
        root.Add(MergeCommand.Create(bench));
        root.Add(DiffCommand.Create(bench));
        root.Add(ExpectCommand.Create(bench));
        root.Add(AuditCommand.Create(bench));
        root.Add(DoctorCommand.Create(bench));
        root.Add(LabCommand.Create(bench));
        root.Add(GuestCommand.Create(bench));
        root.Add(MutantsCommand.Create(bench));
        root.Add(PerfCommand.Create(bench));
        root.Add(Verbose);
        return root;
    }

    public static int Run(IReadOnlyList<string> arguments, Workbench bench)
    {
        ParseResult parsed = Create(bench).Parse(arguments);
        if (Explain(parsed) is { } problem)
        {
            return Fail(bench, ExitCodes.Usage, problem);
        }

        InvocationConfiguration configuration = new()
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
            Output = bench.Out,
            Error = bench.Error,
        };
        try
        {
            return parsed.Invoke(configuration);
        }
        catch (Exception e) when (!parsed.GetValue(Verbose))
        {
            return e switch
            {
                UsageException or DataFileException or BundleException or CaptureException or TargetException { IsManifestError: true }
                    or KernelException { IsInputError: true } => Fail(bench, ExitCodes.Usage, e.Message),
                TargetException => Fail(bench, ExitCodes.TargetFailed, e.Message),
                OperationCanceledException => Fail(bench, ExitCodes.Harness, "stopped"),
                KernelException or LabException or GuestException or EngineException => Fail(bench, ExitCodes.Harness, e.Message),
                _ => Fail(bench, ExitCodes.Harness, $"{e.Message} (an error of vsockspec itself: run again with --verbose and report it)"),
            };
        }
    }

    /// <summary>What is wrong with a command line, and where to read more; null when nothing is.</summary>
    public static string? Explain(ParseResult parsed) =>
        parsed.Errors.Count == 0 ? null : $"{FirstError(parsed)}; see '{HelpCommand(parsed.CommandResult)}'";

    private static int Fail(Workbench bench, int exitCode, string message)
    {
        bench.Error.WriteLine($"vsockspec: {message}");
        return exitCode;
    }

    /// <summary>The first error, with the nearest known word where a word is unknown.</summary>
    private static string FirstError(ParseResult parsed)
    {
        if (parsed.UnmatchedTokens is not [string word, ..])
        {
            return parsed.Errors[0].Message.TrimEnd('.');
        }

        Command command = parsed.CommandResult.Command;
        return word.StartsWith('-')
            ? $"unknown option '{word}'{Suggestion.For(word, command.Options.Select(o => o.Name))}"
            : command.Subcommands.Count > 0
                ? $"unknown command '{word}'{Suggestion.For(word, command.Subcommands.Select(c => c.Name))}"
                : $"unexpected argument '{word}'";
    }

    private static string HelpCommand(CommandResult result)
    {
        List<string> words = ["--help"];
        for (CommandResult? r = result; r?.Parent is CommandResult parent; r = parent)
        {
            words.Insert(0, r.Command.Name);
        }

        return "vsockspec " + string.Join(' ', words);
    }
}
