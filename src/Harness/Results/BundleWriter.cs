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
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TargetInfo _target;
    private RunInfo _run;

    private BundleWriter(
        string folder, FileStream lines, SuiteInfo suite, TargetInfo target, EnvironmentInfo environment, RunInfo run, RequirementRegister register)
    {
        Folder = folder;
        _lines = lines;
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
        BundleWriter writer = new(path, lines, suite, target, environment, run, register);
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

    public void TargetProbed(TargetFacts facts)
    {
        _target = _target with
        {
            OfferedFeatures = [.. FeatureNames.Of(facts.OfferedFeatures)],
            ProtocolFeatures = [.. FeatureNames.OfProtocol(facts.ProtocolFeatures)],
            Config = facts.Config,
        };
        WriteDocument();
    }

    public void CaseStarted(CaseRun run)
    {
        // Only results are kept; who watches the run hears of starts.
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
        _run = _run with { State = state, Error = error, DurationMs = Math.Round(_clock.Elapsed.TotalMilliseconds, 1) };
        Bundle.Guarded(_lines.Name, () =>
        {
            _lines.Flush(flushToDisk: true);
            return 0;
        });
        RunReport report = Build();
        Bundle.Write(Folder, report);
        return report;
    }

    public void Dispose() => _lines.Dispose();

    private RunReport Build() => ReportBuilder.Build(_suite, _target, _environment, _run, [.. _cases], _register);

    private void WriteDocument() => Bundle.WriteFile(Path.Combine(Folder, Bundle.ResultsFile), BundleJson.Document(Build()));
}
