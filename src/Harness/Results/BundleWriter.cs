using System.Diagnostics;
using Vsockspec.Cases;
using Vsockspec.Targets;

namespace Vsockspec.Results;

/// <summary>
/// Writes the bundle of a run while it runs. Each case's result is handed to the system before the next case starts, so that a
/// killed run leaves a bundle that can be read.
/// </summary>
public sealed class BundleWriter : IRunListener, IDisposable
{
    private readonly RequirementRegister _register;
    private readonly SuiteInfo _suite;
    private readonly EnvironmentInfo _environment;
    private readonly List<CaseResult> _cases = [];
    private readonly FileStream _lines;
    private readonly RunJournal _journal;
    private readonly HashSet<(string, int)> _secondChances = [];
    private readonly TimeSpan _before;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TargetInfo _target;
    private RunInfo _run;
    private IReadOnlyList<GuestRecord> _guests = [];

    private BundleWriter(
        string folder, FileStream lines, RunJournal journal, SuiteInfo suite, TargetInfo target, EnvironmentInfo environment, RunInfo run, RequirementRegister register, TimeSpan before = default)
    {
        _before = before;
        Folder = folder;
        _lines = lines;
        _journal = journal;
        _suite = suite;
        _target = target;
        _environment = environment;
        _run = run;
        _register = register;
    }

    /// <summary>Full path.</summary>
    public string Folder { get; }

    public string TraceFolder => Path.Combine(Folder, Bundle.TracesFolder);

    public IReadOnlyList<CaseResult> Cases => _cases;

    public RunInfo Run => _run;

    /// <summary>Of a run that goes on: what it was about when it was interrupted.</summary>
    public IReadOnlyList<(string FullName, int Repetition)> Interrupted { get; private init; } = [];

    /// <summary>Cases that were interrupted once and were, or will be, begun once more.</summary>
    public IReadOnlySet<(string FullName, int Repetition)> SecondChances => _secondChances;

    /// <summary>Judges the list of known failures when the run has ended; null: there is none.</summary>
    public Expectations? Expectations { get; set; }

    /// <summary>Makes the folder and writes the document of a run that has begun.</summary>
    /// <exception cref="BundleException">The folder cannot be written, or has a bundle already.</exception>
    public static BundleWriter Create(
        string folder, SuiteInfo suite, TargetInfo target, EnvironmentInfo environment, RunInfo run, RequirementRegister register)
    {
        string path = Path.GetFullPath(folder);
        if (File.Exists(Path.Combine(path, Bundle.ResultsFile)))
        {
            throw new BundleException($"{path}: has a bundle already; give another folder to --out, or remove this one");
        }

        FileStream lines = Bundle.Guarded(path, () =>
        {
            Directory.CreateDirectory(Path.Combine(path, Bundle.TracesFolder));
            return new FileStream(Path.Combine(path, Bundle.CasesFile), FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        });
        BundleWriter writer = new(path, lines, RunJournal.Create(path), suite, target, environment, run, register);
        try
        {
            writer.WriteDocument();
        }
        catch
        {
            writer.Dispose();
            throw;
        }

        return writer;
    }

    /// <summary>Goes on with the bundle of a run that did not come to its end.</summary>
    /// <exception cref="BundleException">Not a bundle, a complete one, one of another suite or target, or it cannot be written.</exception>
    public static BundleWriter Resume(string folder, SuiteInfo suite, TargetInfo target, EnvironmentInfo environment, RequirementRegister register)
    {
        string path = Path.GetFullPath(folder);
        RunReport document = Bundle.ReadDocument(Path.Combine(path, Bundle.ResultsFile));
        if (document.Run.State == RunState.Complete)
        {
            throw new BundleException($"{path}: the run is complete; there is nothing to go on with");
        }

        RefuseAnother(path, document, suite, target);
        string file = Path.Combine(path, Bundle.CasesFile);
        IReadOnlyList<CaseResult> cases = Bundle.ReadCases(file);
        Bundle.RemoveLeftovers(path, cases);
        HashSet<(string, int)> finished = [.. cases.Select(c => (c.FullName, c.Repetition))];
        ILookup<(string, int), JournalEntry> begun = RunJournal.Read(path).ToLookup(e => (e.FullName, e.Repetition));
        (string, int)[] interrupted = [.. begun.Where(e => !finished.Contains(e.Key) && !e.Last().IsSecondChance).Select(e => e.Key)];
        FileStream lines = Bundle.Guarded(file, () => Bundle.OpenAtWholeLine(file));
        TimeSpan elapsed = File.GetLastWriteTimeUtc(file) - document.Run.StartedAt.UtcDateTime;
        BundleWriter writer = new(
            path,
            lines,
            RunJournal.Open(path),
            suite,
            document.Target,
            environment,
            document.Run with { State = RunState.Running, Error = null },
            register,
            elapsed > TimeSpan.Zero ? elapsed : TimeSpan.Zero)
        {
            Interrupted = interrupted,
        };
        writer._cases.AddRange(cases);
        writer._secondChances.UnionWith(begun.Where(e => e.Any(entry => entry.IsSecondChance)).Select(e => e.Key));
        writer._guests = document.Guests;
        return writer;
    }

    /// <summary>
    /// The results of a run that came to its end. Where it was killed at the very end, the folder is put in order first.
    /// </summary>
    /// <returns>Null when the run has not come to its end.</returns>
    /// <exception cref="BundleException">Not a bundle, one of another suite or target, one that is attested, or it cannot be written.</exception>
    public static RunReport? ResumeComplete(string folder, SuiteInfo suite, TargetInfo target, RequirementRegister register)
    {
        string path = Path.GetFullPath(folder);
        RunReport document = Bundle.ReadDocument(Path.Combine(path, Bundle.ResultsFile));
        if (document.Run.State != RunState.Complete)
        {
            return null;
        }

        if (File.Exists(Path.Combine(path, Bundle.AttestationFile)))
        {
            throw new BundleException($"{path}: the run is complete and attested; there is nothing to go on with");
        }

        RefuseAnother(path, document, suite, target);
        Bundle.RemoveLeftovers(path, document.Cases);
        RunJournal.Open(path).Remove();
        return Bundle.Open(path, register);
    }

    private static void RefuseAnother(string path, RunReport document, SuiteInfo suite, TargetInfo target)
    {
        if (document.Suite != suite || document.Target.Name != target.Name || document.Target.Version != target.Version || document.Target.Digest != target.Digest)
        {
            throw new BundleException($"{path}: the run was begun with another suite or target; give the same program and --target, or begin a new run");
        }
    }

    public void TargetProbed(TargetFacts facts)
    {
        _target = _target with
        {
            OfferedFeatures = [.. FeatureNames.Of(facts.OfferedFeatures)],
            ProtocolFeatures = [.. FeatureNames.OfProtocol(facts.ProtocolFeatures)],
            Config = facts.Config,
            UnknownOption = facts.UnknownOption ?? _target.UnknownOption,
        };
        WriteDocument();
    }

    public void GuestBooted(GuestRecord guest)
    {
        _guests = GuestRecord.Add(_guests, guest);
        WriteDocument();
    }

    /// <exception cref="BundleException">The disk is full.</exception>
    public void CaseStarted(CaseRun run, int repetition) => _journal.Started(run.FullName, repetition);

    /// <summary>What was interrupted will be begun once more, and counts as interrupted only when it was.</summary>
    /// <exception cref="BundleException">The disk is full.</exception>
    public void GiveSecondChance(string fullName, int repetition)
    {
        _journal.SecondChance(fullName, repetition);
        _secondChances.Add((fullName, repetition));
    }

    /// <exception cref="BundleException">The disk is full: the run has to stop, what was written before stays readable.</exception>
    public void CaseFinished(CaseResult result)
    {
        byte[] line = BundleJson.Line(result);
        Bundle.Guarded(_lines.Name, () =>
        {
            _lines.Write(line);
            return 0;
        });
        _cases.Add(result);
    }

    /// <summary>Writes the final documents.</summary>
    /// <exception cref="BundleException">They cannot be written; the results stay readable in <c>cases.jsonl</c>.</exception>
    public RunReport Close(RunState state, string? error = null)
    {
        _run = _run with { State = state, Error = error, DurationMs = Math.Round((_before + _clock.Elapsed).TotalMilliseconds, 1) };
        Bundle.Guarded(_lines.Name, () =>
        {
            _lines.Flush(flushToDisk: true);
            return 0;
        });
        RunReport report = Build() with
        {
            Expectations = Expectations is { Entries.Count: > 0 } known ? new ExpectationsInfo(known.Sha256, known.Account(_cases)) : null,
        };
        Bundle.Write(Folder, report, _register);
        _journal.Remove();
        return report;
    }

    public void Dispose()
    {
        _lines.Dispose();
        _journal.Dispose();
    }

    private RunReport Build() => ReportBuilder.Build(_suite, _target, _environment, _run, _guests, [.. _cases], _register);

    private void WriteDocument() => Bundle.WriteFile(Path.Combine(Folder, Bundle.ResultsFile), BundleJson.Document(Build()));
}
