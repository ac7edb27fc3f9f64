using System.Runtime.InteropServices;
using Vsockspec.Cases;
using Vsockspec.Cli.Output;
using Vsockspec.Guests;
using Vsockspec.Results;
using Vsockspec.Targets;

namespace Vsockspec.Cli;

/// <summary>Which traces stay in the bundle.</summary>
internal enum TracePolicy
{
    All,
    Failed,
    None,
}

/// <summary>How to run what is selected.</summary>
internal sealed record RunSettings
{
    public required ulong Seed { get; init; }

    public int Repeat { get; init; } = 1;

    public int Jobs { get; init; } = 1;

    /// <summary>Each repetition has an order of its own that follows from this; null: the order of the selection.</summary>
    public ulong? OrderSeed { get; init; }

    public bool FailFast { get; init; }

    public TracePolicy Trace { get; init; } = TracePolicy.All;

    /// <summary>Null: a new folder under <c>out/</c>.</summary>
    public string? Out { get; init; }

    /// <summary>A bundle to go on with; null: a new one.</summary>
    public string? Resume { get; init; }
}

/// <summary>One run from the first line printed to the bundle closed: the target judged, results stored as they come, a stop by signal survived.</summary>
internal sealed class RunSession(Workbench bench, RunSuite runSuite, string targetName, TargetManifest manifest, IGuestSource? guests, string profile, Shard? shard)
{
    /// <summary>The suite of others that the cases belong to; null: our own.</summary>
    public AdoptedSuiteInfo? Adopted { get; init; }

    /// <summary>All cases of that suite; null: our own.</summary>
    public IReadOnlyList<CaseRun>? AdoptedRuns { get; init; }

    /// <summary>How many cases all shards together have; null: this is no shard.</summary>
    public int? CasesOfAllShards { get; init; }

    /// <inheritdoc cref="RunRequest.Specification"/>
    public VirtioVersion? Specification { get; init; }

    /// <summary>What is made of the report and the folder of a complete run beyond its bundle; gives the exit code. Null: nothing.</summary>
    public Func<RunReport, string, int>? Conclude { get; init; }

    /// <summary>Returns the exit code.</summary>
    public int Execute(IReadOnlyList<CaseRun> runs, RunSettings settings)
    {
        ITarget target = manifest.Role == TargetRole.Driver && guests is not null ? new DriverTarget(manifest, guests) : manifest.ToTarget();
        Expectations expectations = manifest.Expectations is { } file
            ? Expectations.Load(file, AskedOfTarget(), DateOnly.FromDateTime(bench.Time.GetUtcNow().UtcDateTime), AdoptedRuns)
            : Expectations.None;
        if (settings.Resume is { } begun && Conclude is not null && ReadComplete(begun, target, runs, settings) is { } done)
        {
            PrintHead(target, runs, settings);
            new ReportPrinter(bench.Out, bench.UseColour).Print(done, begun);
            return ConcludeOrSayWhyNot(done, begun);
        }

        RegressionRegister regressions = bench.Regressions;
        using BundleWriter bundle = OpenBundle(target, runs, settings);
        bundle.Expectations = expectations;
        PrintHead(target, runs, settings);

        using StopSignals signals = new();
        RunState state = RunState.Broken;
        string? error = null;
        int? exitCode = null;
        using (IRunDisplay display = RunDisplay.For(bench, runs, settings.Repeat))
        {
            try
            {
                StoreThenShow listener = new(bundle, display, expectations, regressions, bench.Catalogue, settings.Trace);
                foreach (CaseResult result in bundle.Cases)
                {
                    display.CaseFinished(result);
                }

                JudgeInterrupted(bundle, runs, settings, listener);
                runSuite(
                    new RunRequest
                    {
                        Target = target,
                        Runs = runs,
                        Seed = settings.Seed,
                        Repeat = settings.Repeat,
                        Jobs = settings.Jobs,
                        OrderSeed = settings.OrderSeed,
                        FailFast = settings.FailFast,
                        Guests = target.Role == TargetRole.Device && runs.Any(r => r.Case.NeedsGuest) ? guests : null,
                        KernelLog = bench.KernelLog,
                        Specification = Specification,
                        AskUnknownOption = true,
                        Done = bundle.Cases.Select(c => (c.FullName, c.Repetition)).ToHashSet(),
                        TraceFolder = settings.Trace == TracePolicy.None ? null : bundle.TraceFolder,
                    },
                    listener,
                    signals.Token);
                state = bundle.Cases.Count == runs.Count * settings.Repeat ? RunState.Complete : RunState.Stopped;
            }
            catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
            {
                state = RunState.Stopped;
            }
            catch (TargetException e)
            {
                error = e.Message;
                exitCode = e.IsManifestError ? ExitCodes.Usage : ExitCodes.TargetFailed;
            }
            catch (Exception e) when (e is BundleException or IOException or UnauthorizedAccessException)
            {
                error = e.Message;
                exitCode = ExitCodes.Harness;
            }
        }

        if (signals.Name is { } signal)
        {
            state = RunState.Stopped;
            error = $"stopped by {signal}";
            exitCode = ExitCodes.Harness;
        }

        return Finish(bundle, state, error, exitCode);
    }

    private int Finish(BundleWriter bundle, RunState state, string? error, int? exitCode)
    {
        RunReport report;
        try
        {
            report = bundle.Close(state, error);
        }
        catch (BundleException e)
        {
            bench.Error.WriteLine($"vsockspec: {error ?? e.Message}");
            bench.Error.WriteLine($"vsockspec: {bundle.Cases.Count} results are kept in {bundle.Folder}; 'vsockspec report' reads them");
            return ExitCodes.Harness;
        }

        new ReportPrinter(bench.Out, bench.UseColour).Print(report, bundle.Folder);
        if (error is not null)
        {
            bench.Error.WriteLine($"vsockspec: {error}");
        }

        if (Conclude is null || state != RunState.Complete || exitCode is not null)
        {
            if (Conclude is not null)
            {
                bench.Error.WriteLine($"vsockspec: no certificate: the run did not come to its end; 'vsockspec certify --resume {bundle.Folder}' goes on with it");
            }

            return exitCode ?? RunOutcome.ExitCode(report);
        }

        return ConcludeOrSayWhyNot(report, bundle.Folder);
    }

    private int ConcludeOrSayWhyNot(RunReport report, string folder)
    {
        try
        {
            return Conclude!(report, folder);
        }
        catch (BundleException e)
        {
            bench.Error.WriteLine($"vsockspec: {e.Message}");
            bench.Error.WriteLine($"vsockspec: no certificate: 'vsockspec certify --resume {folder}' makes it of the results");
            return ExitCodes.Harness;
        }
    }

    private void PrintHead(ITarget target, IReadOnlyList<CaseRun> runs, RunSettings settings)
    {
        bench.Out.WriteLine($"seed {settings.Seed}");
        bench.Out.WriteLine($"{target.Name} ({target.Role.ToString().ToLowerInvariant()} over {target.Transport}), profile {profile}: {runs.Count * settings.Repeat} cases");
    }

    /// <summary>The results of a run that ended and was not concluded: vsockspec was killed in between. Null when the run did not end.</summary>
    private RunReport? ReadComplete(string folder, ITarget target, IReadOnlyList<CaseRun> runs, RunSettings settings)
    {
        try
        {
            RunReport? report = BundleWriter.ResumeComplete(folder, Suite(), Describe(target), bench.Register);
            return report is null || IsOfThis(report.Run, report.Cases.Select(c => (c.FullName, c.Repetition)), runs, settings)
                ? report
                : throw OtherSelection(report.Run, runs, settings);
        }
        catch (BundleException e)
        {
            throw new UsageException($"--resume: {e.Message}");
        }
    }

    /// <summary>Every case that can be put to such a target.</summary>
    private IEnumerable<CaseRun> AskedOfTarget() =>
        manifest.Role == TargetRole.Driver ? bench.Catalogue.RunsOnDrivers : bench.Catalogue.Runs.Where(run => run.Case.IsAbout(manifest.Transport));

    /// <summary>
    /// What the run was about when it was interrupted gets its result, and is not tried again: it would end the run again. Only where the machine broke for a reason of its
    /// own is it tried once more.
    /// </summary>
    private void JudgeInterrupted(BundleWriter bundle, IReadOnlyList<CaseRun> runs, RunSettings settings, StoreThenShow listener)
    {
        string? panic = Bundle.TakePanic(bundle.Folder);
        bool isOfTheTranslator = InterruptedCase.IsOfTheTranslator(panic);
        foreach ((string name, int repetition) in bundle.Interrupted)
        {
            if (isOfTheTranslator && !bundle.SecondChances.Contains((name, repetition)))
            {
                bundle.GiveSecondChance(name, repetition);
                bench.Error.WriteLine($"{name}: {InterruptedCase.SecondChance}; it runs once more");
                continue;
            }

            listener.CaseFinished(InterruptedCase.Judge(runs.First(r => r.FullName == name), repetition, settings.Seed, bench.Register, panic));
        }
    }

    private BundleWriter OpenBundle(ITarget target, IReadOnlyList<CaseRun> runs, RunSettings settings)
    {
        DateTimeOffset now = bench.Time.GetUtcNow();
        SuiteInfo suite = Suite();
        TargetInfo info = Describe(target);
        try
        {
            if (settings.Resume is { } folder)
            {
                BundleWriter resumed = BundleWriter.Resume(folder, suite, info, EnvironmentInfo.OfThisMachine(), bench.Register);
                RefuseOtherSelection(resumed, runs, settings);
                return resumed;
            }

            return BundleWriter.Create(
                settings.Out ?? DefaultFolder(now, target.Name),
                suite,
                info,
                EnvironmentInfo.OfThisMachine(),
                new RunInfo
                {
                    Id = Guid.CreateVersion7(now).ToString(),
                    Seed = settings.Seed,
                    StartedAt = now,
                    Profile = profile,
                    Shard = shard?.ToString(),
                    Selected = runs.Count * settings.Repeat,
                    Whole = CasesOfAllShards * settings.Repeat,
                    Shuffled = IsShuffled(settings),
                },
                bench.Register);
        }
        catch (BundleException e)
        {
            throw new UsageException($"{(settings.Resume is null ? "--out" : "--resume")}: {e.Message}");
        }
    }

    private SuiteInfo Suite() => SuiteIdentity.Of(bench.Catalogue, bench.Register, bench.Suites) with { Adopted = Adopted };

    private TargetInfo Describe(ITarget target) => new()
    {
        Name = target.Name,
        Version = target.Version,
        Role = target.Role.ToString().ToLowerInvariant(),
        Transport = target.Transport,
        Digest = target.Digest,
        Manifest = targetName,
        Claims = target.Claims,
    };

    /// <summary>Results of another selection would be counted among those of this one.</summary>
    private void RefuseOtherSelection(BundleWriter resumed, IReadOnlyList<CaseRun> runs, RunSettings settings)
    {
        if (!IsOfThis(resumed.Run, resumed.Cases.Select(c => (c.FullName, c.Repetition)).Concat(resumed.Interrupted), runs, settings))
        {
            resumed.Dispose();
            throw OtherSelection(resumed.Run, runs, settings);
        }
    }

    private bool IsOfThis(RunInfo run, IEnumerable<(string FullName, int Repetition)> begun, IReadOnlyList<CaseRun> runs, RunSettings settings)
    {
        HashSet<string> names = [.. runs.Select(r => r.FullName)];
        return run.Profile == profile
            && run.Shard == shard?.ToString()
            && run.Selected == runs.Count * settings.Repeat
            && run.Whole == CasesOfAllShards * settings.Repeat
            && run.Shuffled == IsShuffled(settings)
            && begun.All(c => names.Contains(c.FullName) && c.Repetition <= settings.Repeat);
    }

    private static bool? IsShuffled(RunSettings settings) => settings.OrderSeed is null ? null : true;

    private static UsageException OtherSelection(RunInfo run, IReadOnlyList<CaseRun> runs, RunSettings settings) => new(
        $"--resume {settings.Resume}: that run has {run.Selected} cases and this selection {runs.Count * settings.Repeat}, or others; "
        + "give the options with which it was begun");

    /// <summary>Where a bundle goes when nobody says where.</summary>
    public static string DefaultFolder(DateTimeOffset now, string target) => Path.Combine("out", $"run-{now:yyyyMMdd-HHmmss}-{FileName(target)}");

    private static string FileName(string text) => string.Concat(text.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' ? c : '-'));

    /// <summary>Each result is stored before anybody sees it.</summary>
    private sealed class StoreThenShow(
        BundleWriter bundle, IRunDisplay display, Expectations expectations, RegressionRegister regressions, Catalogue catalogue, TracePolicy traces)
        : IRunListener
    {
        public void TargetProbed(TargetFacts facts) => bundle.TargetProbed(facts);

        public void GuestBooted(GuestRecord guest) => bundle.GuestBooted(guest);

        public void CaseStarted(CaseRun run, int repetition)
        {
            bundle.CaseStarted(run, repetition);
            display.CaseStarted(run);
        }

        public void CaseFinished(CaseResult result)
        {
            result = regressions.Hint(expectations.Apply(result), catalogue);
            if (bundle.SecondChances.Contains((result.FullName, result.Repetition)))
            {
                result = result with { Repeated = InterruptedCase.SecondChance };
            }

            bool failed = result.Verdict == Verdict.KnownFailure || Verdicts.ExitCode([result.Verdict]) != ExitCodes.Passed;
            if (traces == TracePolicy.Failed && result.Trace is { } trace && !failed)
            {
                File.Delete(Path.Combine(bundle.Folder, trace));
                result = result with { Trace = null };
            }

            bundle.CaseFinished(result);
            display.CaseFinished(result);
        }
    }
}

/// <summary>Turns the first SIGINT, SIGTERM or SIGHUP into a cancellation; a second one ends the process at once.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;

    public StopSignals() => _registrations =
        [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(signal => PosixSignalRegistration.Create(signal, Stop))];

    public CancellationToken Token => _source.Token;

    /// <summary><c>SIGINT</c>; null while none came.</summary>
    public string? Name { get; private set; }

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _source.Dispose();
    }

    private void Stop(PosixSignalContext context)
    {
        if (Name is null)
        {
            Name = context.Signal.ToString();
            context.Cancel = true;
            _source.Cancel();
        }
    }
}
