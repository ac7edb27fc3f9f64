using System.Text.Json;
using System.Text.Json.Serialization;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Reports;

/// <summary>Reads what <c>perf run</c> and <c>perf compare</c> wrote; nothing in it is believed.</summary>
public static class ReportFiles
{
    private const long Largest = 64 << 20;
    private const string Restore = "measure again, or restore the file";
    private const string Remedy = "give what 'vsockspec perf run' or 'vsockspec perf compare' wrote: its folder, perf.json or compare.json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        MaxDepth = 16,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { new JsonStringEnumConverter() },
    };

    /// <summary>Reads runs and comparisons in the order given.</summary>
    /// <param name="places">Files, or folders with one.</param>
    /// <param name="history">Folder of a history; null: none.</param>
    /// <exception cref="DataFileException">One of them, or what people say of the history's steps, cannot be read; the message names file and remedy.</exception>
    /// <exception cref="Histories.HistoryException">The history cannot be read.</exception>
    public static ReportInput Read(IReadOnlyCollection<string> places, string? history)
    {
        List<PerfReport> runs = [];
        List<CompareReport> comparisons = [];
        foreach (string file in places.Select(FileOf))
        {
            byte[] content = Content(file);
            switch (SchemaOf(file, content))
            {
                case PerfReport.CurrentSchema:
                    runs.Add(Checked(file, PerfJson.Read(file)));
                    break;
                case CompareReport.CurrentSchema:
                    comparisons.Add(Checked(file, Parsed(file, content)));
                    break;
                case var other:
                    throw new DataFileException(
                        $"{file}: schema: is '{Numbers.Cut(other ?? "", 80)}'; this version reads {PerfReport.CurrentSchema} and {CompareReport.CurrentSchema}: {Remedy}, or use the vsockspec that wrote it");
            }
        }

        return new ReportInput(runs, comparisons, history is null ? null : HistoryView.Read(history, places.Where(Directory.Exists)));
    }

    private static string FileOf(string place)
    {
        if (!Directory.Exists(place))
        {
            return File.Exists(place) ? place : throw new DataFileException($"{place}: no such file or folder; {Remedy}");
        }

        return Array.Find([Path.Combine(place, PerfJson.File), Path.Combine(place, CompareJson.File)], File.Exists)
            ?? throw new DataFileException($"{place}: has neither {PerfJson.File} nor {CompareJson.File}; {Remedy}");
    }

    private static byte[] Content(string file)
    {
        try
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.Read);
            if (stream.Length > Largest)
            {
                throw new DataFileException($"{file}: has {stream.Length} bytes, and at most {Largest} are read; {Remedy}");
            }

            byte[] content = new byte[stream.Length];
            return content[..stream.ReadAtLeast(content, content.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFileException($"{file}: {e.Message}", e);
        }
    }

    private static string? SchemaOf(string file, byte[] content)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(content, new JsonDocumentOptions { MaxDepth = Json.MaxDepth });
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("schema", out JsonElement schema) && schema.ValueKind == JsonValueKind.String
                ? schema.GetString()
                : null;
        }
        catch (JsonException e)
        {
            throw new DataFileException($"{file}: is no JSON: {e.Message}; {Remedy}", e);
        }
    }

    private static CompareReport Parsed(string file, byte[] content)
    {
        try
        {
            return JsonSerializer.Deserialize<CompareReport>(content, Json)!;
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or ArgumentException)
        {
            throw new DataFileException($"{file}: {e.Message}; {Restore}", e);
        }
    }

    /// <summary>Lists and dictionaries may have nulls where the reader does not look.</summary>
    private static PerfReport Checked(string file, PerfReport report)
    {
        Require(file, "environment", report.Environment.Values);
        Require(file, "conditions", report.Conditions.Checks);
        Require(file, "conditions", report.Conditions.Checks.SelectMany(c => new[] { c.Name, c.Observed }));
        Require(file, "limits", report.Limits);
        Require(file, "workloads", report.Workloads);
        foreach (WorkloadResult workload in report.Workloads)
        {
            Require(file, "dimensions", workload.Dimensions.Values);
            Require(file, "measurements", workload.Measurements);
            Require(file, "latencies", workload.Latencies);
            foreach (LatencyCurve curve in workload.Latencies)
            {
                Require(file, "points", curve.Points);
            }
        }

        return report;
    }

    private static CompareReport Checked(string file, CompareReport report)
    {
        Require(file, "environment", report.Environment.Values);
        Require(file, "figures", report.Figures);
        Require(file, "conditions", report.Conditions.Checks);
        return report.Figures.All(f => f.Slowdown is not null || f.Figure.Role == FigureRole.Counter)
            ? report
            : throw new DataFileException($"{file}: figures: one that is no counter has no 'slowdown'; {Restore}");
    }

    private static void Require<T>(string file, string field, IEnumerable<T> items)
        where T : class?
    {
        if (items.Any(item => item is null))
        {
            throw new DataFileException($"{file}: {field}: has null where a value belongs; {Restore}");
        }
    }
}
