using System.Collections;
using System.CommandLine;
using System.Globalization;
using Vsockspec.Cli.Commands;
using Vsockspec.Guests;

namespace Vsockspec.Cli;

/// <summary>How the lab is to be.</summary>
internal sealed record LabSettings
{
    public const string DefaultKernel = "debian:6.12";

    public string Kernel { get; init; } = DefaultKernel;

    public int MemoryMiB { get; init; } = 2048;

    public int Cpus { get; init; } = 2;

    /// <summary><c>auto</c>, <c>tcg</c> or <c>kvm</c>.</summary>
    public string Accelerator { get; init; } = "auto";

    public TimeSpan Limit { get; init; } = TimeSpan.FromHours(1);

    public TimeSpan BootLimit { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Absolute path; null: the console is not kept.</summary>
    public string? ConsoleFile { get; init; }
}

/// <summary>One use of the lab, from the kernel found to the exit code.</summary>
internal sealed class LabSession(Workbench bench, LabSettings settings)
{
    /// <summary>How many of the console's last lines explain a lab that did not boot.</summary>
    private const int ConsoleLines = 20;

    /// <summary>Tells programs that they run in a lab.</summary>
    public const string LabVariable = "VSOCKSPEC_LAB";

    /// <summary>Returns the exit code.</summary>
    public int Execute(IReadOnlyList<string> arguments)
    {
        ParseResult parsed = Parse(arguments);
        LabRun? run = LabRun.Of(parsed, arguments, bench.Time.GetUtcNow());
        arguments = run?.Arguments ?? arguments;
        LabTools tools = LabTools.Find(ToolBox.OfThisMachine);
        IReadOnlyList<string> writable = LabFolders.Writable(arguments);
        using StopSignals signals = new();
        KernelStore store = bench.Kernels();
        GuestKernel kernel = store.Fetch(settings.Kernel, line => bench.Error.WriteLine($"lab: {line}"), signals.Token);
        AdoptedSelection.Prepare(parsed, bench, kernel, line => bench.Error.WriteLine($"lab: {line}"), signals.Token);
        PerfGuests.Prepare(parsed, bench, line => bench.Error.WriteLine($"lab: {line}"), signals.Token);
        LabPlan plan = new()
        {
            Kernel = kernel,
            Command = [.. bench.Self, .. arguments],
            WorkingFolder = Environment.CurrentDirectory,
            WritableFolders = writable,
            Environment = LabVariables(),
            MemoryMiB = settings.MemoryMiB,
            Cpus = settings.Cpus,
            BootLimit = settings.BootLimit,
            Limit = settings.Limit,
            ConsoleFile = settings.ConsoleFile,
        };
        KvmProof proof = KvmProof.OfThisMachine(Path.GetDirectoryName(store.Root)!);
        LabOutcome outcome = BootAgain(plan, tools, proof, signals.Token);
        while (outcome.End == LabEnd.Crashed && run?.AfterCrash(outcome.Panic) is { } rest)
        {
            bench.Error.WriteLine($"lab: {(outcome.Panic is null ? "the machine ended" : "the kernel panicked")} in the middle of the run; it goes on in a fresh lab");
            outcome = BootAgain(plan with { Command = [.. bench.Self, .. rest] }, tools, proof, signals.Token);
        }

        return outcome.End switch
        {
            LabEnd.Exited => outcome.ExitCode!.Value,
            LabEnd.Stopped => Fail($"stopped by {signals.Name}"),
            LabEnd.TimedOut => Fail($"'vsockspec {string.Join(' ', arguments)}' still ran after {Seconds(plan.Limit)}; give it more with --timeout"),
            LabEnd.NotBooted => Fail($"the lab's machine ended before it had booted{Last(outcome)}"),
            LabEnd.BootTimedOut => Fail($"the lab did not boot within {Seconds(plan.BootLimit)}{Last(outcome)}"),
            _ => Fail($"the lab's kernel ended under the program{Last(outcome)}"),
        };
    }

    /// <summary>A kernel that broke while it booted has done nothing yet, and on translated processors that happens now and then: it boots once more.</summary>
    private LabOutcome BootAgain(LabPlan plan, LabTools tools, KvmProof proof, CancellationToken cancellation)
    {
        LabOutcome outcome = Boot(plan, tools, proof, cancellation);
        if (outcome is not { End: LabEnd.NotBooted, Panic: { } panic })
        {
            return outcome;
        }

        bench.Error.WriteLine($"lab: its kernel broke while it booted ({panic.Split('\n')[0]}); it boots once more");
        return Boot(plan, tools, proof, cancellation);
    }

    /// <summary>Runs the lab by the accelerator that was asked for, or by KVM if that boots and otherwise by translation.</summary>
    private LabOutcome Boot(LabPlan plan, LabTools tools, KvmProof proof, CancellationToken cancellation)
    {
        string? reason = null;
        if (settings.Accelerator == "auto" && KvmProof.Opens() && proof.Known(plan.Kernel) is not false)
        {
            LabPlan trial = plan with { Accelerator = LabAccelerator.Kvm };
            bool proven = proof.Known(plan.Kernel) is true;
            LabOutcome outcome = RunIn(proven ? trial : trial with { BootLimit = KvmProof.Limit }, tools, null, cancellation);
            if (proven || outcome.End is not (LabEnd.NotBooted or LabEnd.BootTimedOut))
            {
                if (outcome.BootTime is not null)
                {
                    proof.Keep(plan.Kernel, boots: true);
                }

                return outcome;
            }

            proof.Keep(plan.Kernel, boots: false);
        }

        if (settings.Accelerator == "auto")
        {
            reason = KvmProof.Opens() ? "KVM does not boot this kernel here" : "/dev/kvm cannot be opened";
        }

        return RunIn(plan with { Accelerator = settings.Accelerator == "kvm" ? LabAccelerator.Kvm : LabAccelerator.Tcg }, tools, reason, cancellation);
    }

    private LabOutcome RunIn(LabPlan plan, LabTools tools, string? reason, CancellationToken cancellation)
    {
        string why = reason is null ? "" : $" ({reason})";
        bench.Error.WriteLine($"lab: {plan.Kernel.Release}, {plan.Cpus} processors by {plan.Accelerator.ToString().ToUpperInvariant()}{why}, {plan.MemoryMiB} MiB");
        using Stream output = Console.OpenStandardOutput();
        using Stream errors = Console.OpenStandardError();
        return new Lab(plan, tools).Run(output, errors, cancellation);
    }

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s");

    private static string Last(LabOutcome outcome)
    {
        string said = string.Concat(outcome.Said.TakeLast(ConsoleLines).Select(l => $"\n  {l}"));
        string console = string.Concat(outcome.Console.TakeLast(ConsoleLines).Select(l => $"\n  {l}"));
        return (console.Length == 0 ? "; its console is empty" : $"; the last lines of its console:{console}") + (said.Length == 0 ? "" : $"\nQEMU and virtiofsd said:{said}");
    }

    /// <summary>What is wrong with the arguments is said before a machine boots for it.</summary>
    private ParseResult Parse(IReadOnlyList<string> arguments)
    {
        ParseResult parsed = Application.Create(bench).Parse(arguments);
        if (Application.Explain(parsed) is { } problem)
        {
            throw new UsageException(problem);
        }

        if (parsed.CommandResult.Command.Name == "lab")
        {
            throw new UsageException("lab: a lab runs no further lab; leave out the second 'lab'");
        }

        return parsed;
    }

    private static Dictionary<string, string> LabVariables()
    {
        Dictionary<string, string> variables = Environment.GetEnvironmentVariables()
            .Cast<DictionaryEntry>()
            .ToDictionary(e => (string)e.Key, e => (string?)e.Value ?? "", StringComparer.Ordinal);
        variables[LabVariable] = "1";

        // What is temporary belongs to the lab: a folder of this machine might be writable through and keep it.
        variables.Remove("TMPDIR");

        // Tiering by profile costs time that a short program on a translated processor never gets back; the diagnostic socket would be of no use.
        variables["DOTNET_TieredPGO"] = "0";
        variables["DOTNET_EnableDiagnostics"] = "0";
        return variables;
    }

    private int Fail(string message)
    {
        bench.Error.WriteLine($"vsockspec: {message}");
        return ExitCodes.Harness;
    }
}
