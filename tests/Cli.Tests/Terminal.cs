using Vsockspec.Audit;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Perf.Fitness;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Cli.Tests;

/// <summary>Runs the program in this process, in a folder of its own, over the fake suite and a scripted runner.</summary>
internal sealed class Terminal : IDisposable
{
    private static readonly Lazy<RequirementRegister> register = new(RequirementRegister.Load);

    private readonly InstanceFolder _folder = InstanceFolder.Create();

    /// <summary>What the target is said to do; by default it passes everything.</summary>
    public Func<CaseRun, Verdict> Judge { get; init; } = _ => Verdict.Pass;

    /// <summary>The same, where repetitions differ.</summary>
    public Func<CaseRun, int, Verdict>? JudgeRepetition { get; init; }

    /// <summary>Called before each case.</summary>
    public Action<CaseRun> Before { get; init; } = _ => { };

    /// <summary>The cache of kernels; by default an empty one on a machine without apt.</summary>
    public KernelStore? Kernels { get; init; }

    /// <summary>The machine that is measured on; by default one that does nothing else, whatever the real one does.</summary>
    public IMachine Machine { get; init; } = new QuietMachine();

    /// <summary>Called when a case has begun.</summary>
    public Action<CaseRun> During { get; init; } = _ => { };

    public string Out { get; private set; } = "";

    public string Error { get; private set; } = "";

    public RunRequest? Request { get; private set; }

    public string Folder => _folder.Path;

    public string PathOf(string name) => Path.Combine(Folder, name);

    public string Write(string name, string text)
    {
        File.WriteAllText(PathOf(name), text);
        return PathOf(name);
    }

    public int Run(params string[] arguments) => Run(bench => Application.Run(arguments, bench));

    /// <summary>Does something of the program's own with what its commands work with.</summary>
    public int Run(Func<Workbench, int> work)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        Workbench bench = new()
        {
            Out = output,
            Error = error,
            RunSuite = RunScripted,
            Kernels = () => Kernels ?? new KernelStore(PathOf("kernels"), new ToolBox([])),
            Catalogue = Catalogue.Of(typeof(AlphaCases).Assembly),
            Machine = Machine,
        };
        int exitCode = work(bench);
        Out = output.ToString();
        Error = error.ToString();
        return exitCode;
    }

    public void Dispose() => _folder.Dispose();

    private void RunScripted(RunRequest request, IRunListener listener, CancellationToken cancellation)
    {
        Request = request;
        listener.TargetProbed(new TargetFacts(VirtioFeatures.Stream | VirtioFeatures.Version1, 0, null));
        for (int repetition = 1; repetition <= request.Repeat; repetition++)
        {
            foreach (CaseRun run in request.Runs.Where(r => !request.Done.Contains((r.FullName, repetition))))
            {
                cancellation.ThrowIfCancellationRequested();
                Before(run);
                listener.CaseStarted(run, repetition);
                During(run);
                Verdict verdict = JudgeRepetition is { } judge ? judge(run, repetition) : Judge(run);
                CaseResult begun = CaseExecution.Begin(run, repetition, request.Seed, register.Value);
                string? trace = null;
                if (request.TraceFolder is { } folder)
                {
                    TraceLabel label = new(begun.FullName, repetition, begun.Seed);
                    trace = $"traces/{label.FileName}";
                    new TraceRecorder().Save(Path.Combine(folder, label.FileName), [], label);
                }

                listener.CaseFinished(begun with
                {
                    Verdict = verdict,
                    FailureCode = verdict == Verdict.Fail ? "no-rst" : null,
                    Expected = "RST",
                    Observed = verdict == Verdict.Fail ? "silence for 5000 ms" : "RST",
                    Trace = trace,
                    DurationMs = 10,
                });
                if (request.FailFast && verdict == Verdict.Fail)
                {
                    return;
                }
            }
        }
    }
}
