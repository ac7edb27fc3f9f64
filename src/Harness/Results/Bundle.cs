using System.Text;
using System.Text.Json;
using Vsockspec.Cases;
using Vsockspec.Results.Html;
using Vsockspec.Targets;

namespace Vsockspec.Results;

/// <summary>A bundle cannot be written or read. The message names the path and the remedy.</summary>
public sealed class BundleException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The output folder of a run, and what its files are called.</summary>
public static class Bundle
{
    public const string ResultsFile = "results.json";
    public const string CasesFile = "cases.jsonl";

    /// <summary>Which cases were begun; there only while a run is under way, and when it was killed.</summary>
    public const string StartedFile = "started.jsonl";
    public const string JUnitFile = "junit.xml";
    public const string SummaryFile = "summary.md";
    public const string HtmlFile = "report.html";
    public const string CtrfFile = "ctrf.json";
    public const string SarifFile = "results.sarif";

    /// <summary>There only when the run was made for a certificate.</summary>
    public const string CertificateFile = "certificate.json";

    /// <summary>Digests of all other files, signed or not; there only beside a certificate.</summary>
    public const string AttestationFile = "attestation.dsse.json";

    /// <summary>The last words of the kernel under test, which the lab leaves for the run that goes on; see docs/lab.md.</summary>
    private const string PanicFile = "panic.txt";
    public const string TracesFolder = "traces";

    /// <summary>What a document is called until it is whole.</summary>
    private const string Unfinished = ".tmp";
    private const long MaxPanicBytes = 64 << 10;

    /// <summary>
    /// Reads a bundle. That of a run that was killed is completed from its list of cases; its <see cref="RunInfo.State"/> stays
    /// <see cref="RunState.Running"/>.
    /// </summary>
    /// <exception cref="BundleException">Not a bundle, or one of another version.</exception>
    public static RunReport Open(string folder, RequirementRegister register)
    {
        string results = Path.Combine(folder, ResultsFile);
        RunReport document = ReadDocument(results);

        IReadOnlyList<CaseResult> cases = document.Run.State == RunState.Complete
            ? WithFindings(document)
            : ReadCases(Path.Combine(folder, CasesFile));
        try
        {
            return ReportBuilder.Build(document.Suite, document.Target, document.Environment, document.Run, document.Guests, cases, register) with
            {
                Expectations = document.Expectations,
                Parts = document.Parts,
            };
        }
        catch (KeyNotFoundException e)
        {
            throw new BundleException($"{results}: {e.Message}; was it written by another version of the suite?", e);
        }
    }

    /// <summary>What the documents of a bundle are called, and the lists and signatures beside them.</summary>
    public static IReadOnlyList<string> DocumentFiles { get; } = 
    [
        ResultsFile, CasesFile, JUnitFile, SummaryFile, CtrfFile, SarifFile, HtmlFile, CertificateFile, AttestationFile,
    ];

    /// <summary>Every document of a bundle and its content, which follows from report, certificate and traces alone.</summary>
    /// <param name="folder">The bundle's, for its traces.</param>
    /// <param name="earlier">An earlier run, with which <c>report.html</c> compares; null: none.</param>
    /// <param name="certificate">Null: the run was not made for one.</param>
    public static IEnumerable<(string Name, byte[] Content)> Documents(
        string folder, RunReport report, RequirementRegister register, RunReport? earlier = null, Certificate? certificate = null)
    {
        yield return (ResultsFile, BundleJson.Document(report));
        yield return (JUnitFile, JUnit.Render(report));
        yield return (SummaryFile, MarkdownSummary.Render(report, certificate));
        yield return (CtrfFile, Ctrf.Render(report));
        yield return (SarifFile, Sarif.Render(report, register));
        yield return (HtmlFile, HtmlReport.Render(report, register, folder, earlier, certificate));
        if (certificate is not null)
        {
            yield return (CertificateFile, BundleJson.Document(certificate));
        }
    }

    /// <summary>Writes every document, each whole or not at all.</summary>
    /// <inheritdoc cref="Documents"/>
    /// <exception cref="BundleException">The disk is full, or the folder may not be written.</exception>
    public static void Write(string folder, RunReport report, RequirementRegister register, RunReport? earlier = null, Certificate? certificate = null)
    {
        foreach ((string name, byte[] content) in Documents(folder, report, register, earlier, certificate))
        {
            WriteFile(Path.Combine(folder, name), content);
        }
    }

    /// <summary>The certificate of a bundle; null when the run was not made for one.</summary>
    /// <exception cref="BundleException">It cannot be read, or is none.</exception>
    public static Certificate? ReadCertificate(string folder)
    {
        string file = Path.Combine(folder, CertificateFile);
        if (!File.Exists(file))
        {
            return null;
        }

        byte[] json = Guarded(file, () => File.ReadAllBytes(file));
        try
        {
            Certificate certificate = BundleJson.ParseCertificate(json);
            return certificate.Schema == Certificate.SchemaId
                ? certificate
                : throw new BundleException($"{file}: has the schema '{certificate.Schema}'; this version reads {Certificate.SchemaId}");
        }
        catch (JsonException e)
        {
            throw new BundleException($"{file}: not a certificate: {e.Message}", e);
        }
    }

    /// <summary>Removes what a run that was killed left behind: documents that were not yet whole, and traces that no result names.</summary>
    /// <param name="cases">Those that have a result.</param>
    /// <exception cref="BundleException">It cannot be removed.</exception>
    internal static void RemoveLeftovers(string folder, IReadOnlyList<CaseResult> cases)
    {
        HashSet<string> named = [.. cases.Select(c => c.Trace).OfType<string>().Select(trace => Path.GetFileName(trace))];
        string traces = Path.Combine(folder, TracesFolder);
        Guarded(folder, () =>
        {
            foreach (string file in DocumentFiles.Select(name => Path.Combine(folder, name + Unfinished))
                .Concat(Directory.Exists(traces) ? Directory.EnumerateFiles(traces).Where(trace => !named.Contains(Path.GetFileName(trace))) : []))
            {
                File.Delete(file);
            }

            return 0;
        });
    }

    /// <summary>Leaves the last words of a kernel that panicked for whoever goes on with the run.</summary>
    /// <exception cref="BundleException">They cannot be written.</exception>
    public static void LeavePanic(string folder, string text) => WriteFile(Path.Combine(folder, PanicFile), Encoding.UTF8.GetBytes(text));

    /// <summary>Those words, at most 64 KiB, fit to be shown; null when none were left. They are gone afterwards.</summary>
    /// <exception cref="BundleException">They cannot be read.</exception>
    public static string? TakePanic(string folder)
    {
        string file = Path.Combine(folder, PanicFile);
        if (!File.Exists(file))
        {
            return null;
        }

        byte[] text = Guarded(file, () =>
        {
            using FileStream stream = File.OpenRead(file);
            byte[] start = new byte[(int)Math.Min(stream.Length, MaxPanicBytes)];
            stream.ReadExactly(start);
            return start;
        });
        Guarded(file, () =>
        {
            File.Delete(file);
            return 0;
        });
        return Printable.Clean(Encoding.UTF8.GetString(text));
    }

    /// <summary>Every result of a run so far; a last line that was cut off is left out.</summary>
    internal static IReadOnlyList<CaseResult> ReadCases(string file)
    {
        List<CaseResult> cases = [];
        if (!File.Exists(file))
        {
            return cases;
        }

        ReadOnlySpan<byte> rest = Guarded(file, () => File.ReadAllBytes(file));
        for (int line = 1; rest.IndexOf((byte)'\n') is var end and >= 0; line++)
        {
            try
            {
                cases.Add(BundleJson.ParseLine(rest[..end]));
            }
            catch (JsonException e)
            {
                throw new BundleException($"{file}:{line}: not a case result: {e.Message}", e);
            }

            rest = rest[(end + 1)..];
        }

        return cases;
    }

    /// <summary>A file of lines, made if need be, ready to append; a last line that was cut off is gone.</summary>
    internal static FileStream OpenAtWholeLine(string file)
    {
        FileStream lines = new(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        byte[] last = new byte[1];
        long end = lines.Length;
        while (end > 0)
        {
            lines.Position = end - 1;
            lines.ReadExactly(last);
            if (last[0] == (byte)'\n')
            {
                break;
            }

            end--;
        }

        lines.SetLength(end);
        lines.Position = end;
        return lines;
    }

    internal static T Guarded<T>(string path, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BundleException($"{path}: {e.Message}", e);
        }
    }

    internal static void WriteFile(string path, byte[] content) => Guarded(path, () =>
    {
        string temporary = path + Unfinished;
        try
        {
            using (FileStream stream = new(temporary, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        return 0;
    });

    internal static RunReport ReadDocument(string file)
    {
        if (!File.Exists(file))
        {
            throw new BundleException($"{file}: no such file; give the folder that 'vsockspec run' wrote");
        }

        byte[] json = Guarded(file, () => File.ReadAllBytes(file));
        try
        {
            RunReport document = BundleJson.ParseDocument(json);
            return document.Schema == RunReport.SchemaId
                ? document
                : throw new BundleException($"{file}: has the schema '{document.Schema}'; this version reads {RunReport.SchemaId}");
        }
        catch (JsonException e)
        {
            throw new BundleException($"{file}: not a results document: {e.Message}", e);
        }
    }

    internal static IReadOnlyList<CaseResult> WithFindings(RunReport document)
    {
        ILookup<(string, int), AuditFinding> findings = document.Auditor.ToLookup(
            entry => (entry.Case, entry.Repetition), entry => new AuditFinding(entry.Requirement, entry.Packet, entry.Detail));
        return [.. document.Cases.Select(result => result with { Findings = [.. findings[(result.FullName, result.Repetition)]] })];
    }
}
