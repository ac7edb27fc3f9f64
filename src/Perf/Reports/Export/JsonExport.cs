using System.Text.Encodings.Web;
using System.Text.Json;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Histories;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Reports.Export;

/// <summary>All figures of a page in one document. What is no number is null.</summary>
internal static class JsonExport
{
    private const string Schema = "vsockspec-perf-data/1";

    public static byte[] Of(ReportInput input)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.Default }))
        {
            json.WriteStartObject();
            json.WriteString("schema", Schema);
            Array(json, "runs", input.Runs, Run);
            Array(json, "comparisons", input.Comparisons, Comparison);
            Array(json, "history", input.History?.Series ?? [], Series);
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static void Run(Utf8JsonWriter json, PerfReport run)
    {
        json.WriteStartObject();
        json.WriteString("target", run.Target.Name);
        json.WriteString("version", run.Target.Version);
        json.WriteString("digest", run.Target.Digest);
        json.WriteString("plan", run.Plan.Name);
        json.WriteString("startedAt", Csv.Time(run.StartedAt));
        json.WriteBoolean("machineIsFit", run.Conditions.AreFit);
        Array(json, "limits", run.Limits, static (json, limit) =>
        {
            json.WriteStartObject();
            json.WriteString("name", limit.Name);
            json.WriteString("unit", limit.Unit);
            Numbers(json, "values", limit.Values);
            json.WriteEndObject();
        });
        Array(json, "figures", run.Workloads.SelectMany(w => w.Measurements.Select(m => new MeasuredFigure(w, m))), Figure);
        Array(json, "latencies", run.Workloads.SelectMany(w => w.Latencies), Latency);
        json.WriteEndObject();
    }

    private static void Figure(Utf8JsonWriter json, MeasuredFigure figure)
    {
        json.WriteStartObject();
        json.WriteString("figure", figure.Figure.Name);
        json.WriteString("unit", figure.Figure.Unit);
        json.WriteString("better", $"{figure.Figure.Better}");
        json.WriteString("outcome", $"{figure.Workload.Outcome}");
        Numbers(json, "values", figure.Values);
        if (figure.Beside is { } beside)
        {
            json.WriteString("limit", beside.Limit);
            Numbers(json, "limitValues", beside.Values);
            Number(json, "ratio", figure.Ratio?.Middle);
            Number(json, "goal", figure.Goal);
        }

        json.WriteEndObject();
    }

    private static void Latency(Utf8JsonWriter json, LatencyCurve curve)
    {
        json.WriteStartObject();
        json.WriteString("curve", curve.Name);
        Number(json, "offeredPerSecond", curve.OfferedPerSecond);
        Number(json, "achievedPerSecond", curve.AchievedPerSecond);
        json.WriteNumber("count", curve.Count);
        Numbers(json, "percentiles", curve.Points.Select(p => p.Percentile));
        Numbers(json, "microseconds", curve.Points.Select(p => p.Microseconds));
        json.WriteEndObject();
    }

    private static void Comparison(Utf8JsonWriter json, CompareReport report)
    {
        json.WriteStartObject();
        json.WriteString("a", report.A.Name);
        json.WriteString("b", report.B.Name);
        json.WriteString("startedAt", Csv.Time(report.StartedAt));
        json.WriteString("verdict", $"{report.Verdict}");
        json.WriteString("failure", report.Failure?.Sentence);
        json.WriteBoolean("isComplete", report.IsComplete);
        Array(json, "figures", report.Figures, static (json, f) =>
        {
            json.WriteStartObject();
            json.WriteString("figure", f.Figure.Name);
            json.WriteString("unit", f.Figure.Unit);
            json.WriteString("verdict", $"{f.Verdict}");
            json.WriteBoolean("decides", f.Decides);
            Number(json, "a", f.First);
            Number(json, "b", f.Second);
            Number(json, "slowdown", f.Slowdown?.Ratio);
            Number(json, "lower", f.Slowdown?.Lower);
            Number(json, "upper", f.Slowdown?.Upper);
            json.WriteEndObject();
        });
        json.WriteEndObject();
    }

    private static void Series(Utf8JsonWriter json, JudgedHistory series)
    {
        json.WriteStartObject();
        json.WriteString("series", series.History.Series);
        json.WriteString("better", $"{series.Better}");
        Array(json, "runs", series.History.Entries, static (json, entry) =>
        {
            json.WriteStartObject();
            json.WriteString("run", entry.Run);
            json.WriteString("at", Csv.Time(entry.At));
            json.WriteString("commit", entry.Commit);
            Number(json, "value", entry.Value);
            json.WriteEndObject();
        });
        Array(json, "steps", series.Steps, static (json, step) =>
        {
            json.WriteStartObject();
            json.WriteString("lastBefore", step.Step.LastBefore.Run);
            json.WriteString("first", step.Step.First.Run);
            Number(json, "change", step.Step.Point.Change);
            json.WriteBoolean("isRegression", step.Step.IsRegression);
            json.WriteBoolean("isConfirmed", step.Step.IsConfirmed);
            json.WriteString("state", step.Said is { } said ? $"{said.State}" : nameof(TriageState.New));
            json.WriteEndObject();
        });
        json.WriteEndObject();
    }

    private static void Array<T>(Utf8JsonWriter json, string name, IEnumerable<T> items, Action<Utf8JsonWriter, T> write)
    {
        json.WriteStartArray(name);
        foreach (T item in items)
        {
            write(json, item);
        }

        json.WriteEndArray();
    }

    private static void Numbers(Utf8JsonWriter json, string name, IEnumerable<double> values)
    {
        json.WriteStartArray(name);
        foreach (double value in values)
        {
            if (double.IsFinite(value))
            {
                json.WriteNumberValue(value);
            }
            else
            {
                json.WriteNullValue();
            }
        }

        json.WriteEndArray();
    }

    private static void Number(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number && double.IsFinite(number))
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
