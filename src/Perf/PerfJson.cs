using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Vsockspec.Targets;

namespace Vsockspec.Perf;

/// <summary><c>perf.json</c> to and from disk.</summary>
public static class PerfJson
{
    /// <summary>The file's name in the folder of a run.</summary>
    public const string File = "perf.json";

    private const long LargestReport = 64 << 20;

    /// <summary>How reports of measurements are written.</summary>
    public static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        MaxDepth = 32,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter() },
    };

    /// <summary>Replaces the report in a folder, in one piece: whoever reads it meanwhile, or after a crash, has a whole one.</summary>
    public static void Write(PerfReport report, string folder) => Replace(Path.Combine(folder, File), report, Options);

    /// <summary>Replaces a document in one piece.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    internal static void Replace<T>(string file, T document, JsonSerializerOptions options)
    {
        string draft = file + ".part";
        System.IO.File.WriteAllBytes(draft, JsonSerializer.SerializeToUtf8Bytes(document, options));
        System.IO.File.Move(draft, file, overwrite: true);
    }

    /// <summary>Reads a report.</summary>
    /// <param name="place">The folder of a run, or the file.</param>
    /// <exception cref="DataFileException">It is not there, too large, no report, or one of another version.</exception>
    public static PerfReport Read(string place)
    {
        string file = Directory.Exists(place) ? Path.Combine(place, File) : place;
        if (!System.IO.File.Exists(file))
        {
            throw new DataFileException($"{file}: no such file; give the folder that 'vsockspec perf run' wrote");
        }

        if (new FileInfo(file).Length is var length && length > LargestReport)
        {
            throw new DataFileException($"{file}: has {length} bytes; no report of 'vsockspec perf run' is larger than {LargestReport}");
        }

        try
        {
            byte[] content = System.IO.File.ReadAllBytes(file);
            string? schema = JsonSerializer.Deserialize<Head>(content, Options)?.Schema;
            return schema switch
            {
                null => throw No(file, "it has no field 'schema'"),
                not PerfReport.CurrentSchema => throw new DataFileException($"{file}: has the schema '{schema}'; this version reads {PerfReport.CurrentSchema}, measure again or use the vsockspec that wrote it"),
                _ => Whole(file, JsonSerializer.Deserialize<PerfReport>(content, Options)!),
            };
        }
        catch (JsonException e)
        {
            throw No(file, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFileException($"{file}: cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The serializer leaves out what is missing; nothing that a reader relies on may be.</summary>
    private static PerfReport Whole(string file, PerfReport report)
    {
        string? missing = report switch
        {
            { Target.Name: null } or { Target: null } => "target",
            { Plan.Name: null } or { Plan: null } => "plan",
            { Environment: null } => "environment",
            { Conditions.Checks: null } or { Conditions: null } => "conditions",
            { Limits: null } => "limits",
            { Workloads: null } => "workloads",
            _ when report.Limits.Any(l => l is not { Name: not null, Unit: not null, Values.Count: > 0 }) => "limits",
            _ when report.Workloads.Any(w => w is not { Workload: not null, Dimensions: not null, Measurements: not null, Latencies: not null }) => "workloads",
            _ when report.Workloads.SelectMany(w => w.Measurements).Any(m => m is not { Figure: { Family: not null, Parameter: not null, Unit: not null }, Values.Count: > 0 }) => "workloads[].measurements",
            _ when report.Workloads.SelectMany(w => w.Measurements).Any(m => m.Beside is { } beside && (beside.Limit is null || beside.Values?.Count != m.Values.Count)) => "workloads[].measurements[].beside",
            _ when report.Workloads.SelectMany(w => w.Latencies).Any(l => l is not { Name: not null, Points: not null }) => "workloads[].latencies",
            _ => null,
        };
        return missing is null ? report : throw No(file, $"'{missing}' is missing or not whole");
    }

    private static DataFileException No(string file, string why) => new($"{file}: is no report of 'vsockspec perf run': {why}");

    private sealed record Head(string? Schema);
}
