using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Reports;
using Vsockspec.Perf.Reports.Export;
using Vsockspec.Tests;

namespace Vsockspec.Perf.Tests.Reports;

public sealed class ExportTests
{
    private const string Python = "/usr/bin/python3";

    /// <summary>Reads with the parser of Prometheus' own client, which refuses what the format does not allow, and prints samples.</summary>
    private const string Read = """
        import sys
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
        count = 0
        for family in text_string_to_metric_families(open(sys.argv[1], encoding='utf-8', newline='').read()):
            for sample in family.samples:
                count += 1
                if count < 4 or 'latency' in sample.name and sample.labels.get('quantile') == '0.99':
                    print(family.type, sample.name, sorted(sample.labels.items()), sample.value)
        print(count, 'samples')
        """;

    private static ReportInput Everything => new([SampleReports.FailedRun()], [SampleReports.Comparison()], SampleReports.History());

    [Test]
    public void OpenMetrics_OfEverything_IsReadByPrometheusClient()
    {
        string output = Parsed(OpenMetrics.Of(Everything));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(output, Does.Contain("gauge vsockspec_figure [('figure', 'stream/guest-to-host/throughput/64'), ('statistic', 'median'), ('target', 'reference'), ('unit', 'MiB/s')]"));
            Assert.That(output, Does.Contain("summary vsockspec_latency_seconds [('curve', 'stream/round-trip/64'), ('quantile', '0.99'), ('target', 'reference')]"));
            Assert.That(output, Does.Match("[0-9]{4} samples"));
        }
    }

    [Test]
    public void OpenMetrics_OfAnythingAFileMayHave_IsReadByPrometheusClient()
    {
        const string Evil = "a\"b\\c\nd\r\u0000é\u2028{}=,#\ud800";
        PerfReport run = SampleReports.Run();
        PerfReport evil = run with
        {
            Target = new MeasuredTarget(Evil, null, null),
            Workloads =
            [
                .. run.Workloads,
                .. run.Workloads,
                new WorkloadResult(Evil, new Dictionary<string, string>(), WorkloadOutcome.Measured, null, [new Measurement(run.Workloads[0].Measurements[0].Figure with { Family = Evil, Unit = Evil }, [1e-320, double.NaN, 1e300])],
                    [new LatencyCurve(Evil, null, double.NaN, -3, [new LatencyPoint(-4, -5), new LatencyPoint(200, 1), new LatencyPoint(50, double.PositiveInfinity), new LatencyPoint(99, 3)], null)]),
            ],
        };
        Assert.That(Parsed(OpenMetrics.Of(new ReportInput([evil, evil, run], [SampleReports.Comparison(), SampleReports.Comparison()], SampleReports.History()))), Does.Contain(" samples"));
    }

    [Test]
    public void OpenMetrics_OfNothing_IsReadByPrometheusClient() => Assert.That(Parsed(OpenMetrics.Of(new ReportInput([], []))), Does.Contain("0 samples"));

    [Test]
    public void Csv_OfFigures_HasARowForEachAndNoEmptyRatio()
    {
        string[] lines = Encoding.UTF8.GetString(Csv.Files(Everything).Single(f => f.Name == "figures.csv").Content).Split("\r\n");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines[0], Does.StartWith("target,started,figure,unit,better,role,outcome,bound_by,repeats,median,"));
            Assert.That(lines[1], Does.StartWith("reference,2026-03-01T02:00:00Z,stream/guest-to-host/throughput/64,MiB/s,higher,gate,measured,target,5,"));
            Assert.That(lines[1], Does.EndWith(",2,yes"));
            Assert.That(lines, Has.Length.EqualTo(SampleReports.FailedRun().Workloads.Sum(w => w.Measurements.Count) + 2));
            Assert.That(lines.Take(lines.Length - 1).Select(l => l.Count(c => c == ',')), Is.All.EqualTo(lines[0].Count(c => c == ',')));
        }
    }

    [Test]
    public void Csv_OfHistory_NamesTheStepAtItsFirstRun()
    {
        string text = Encoding.UTF8.GetString(Csv.Files(Everything).Single(f => f.Name == "history.csv").Content);
        Assert.That(text.Split("\r\n").Where(l => l.EndsWith(",yes", StringComparison.Ordinal)).Select(l => l.Split(',')[3]), Is.EquivalentTo(["c0ffee000054", "c0ffee000045", "c0ffee000030"]));
    }

    [Test]
    public void Json_OfEverything_HasValuesLimitsAndSteps()
    {
        using JsonDocument document = JsonDocument.Parse(JsonExport.Of(Everything));
        JsonElement root = document.RootElement;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(root.GetProperty("runs")[0].GetProperty("figures")[0].GetProperty("values").GetArrayLength(), Is.EqualTo(5));
            Assert.That(root.GetProperty("runs")[0].GetProperty("figures")[0].GetProperty("limit").GetString(), Is.EqualTo("socketpair"));
            Assert.That(root.GetProperty("comparisons")[0].GetProperty("verdict").GetString(), Is.EqualTo("Slower"));
            Assert.That(root.GetProperty("history")[0].GetProperty("steps")[0].GetProperty("isConfirmed").GetBoolean());
        }
    }

    private static string Parsed(byte[] metrics)
    {
        _ = Tool.Require("/usr/lib/python3/dist-packages/prometheus_client/openmetrics/parser.py");
        string folder = Directory.CreateTempSubdirectory("vs-").FullName;
        try
        {
            string file = Path.Combine(folder, "metrics.txt");
            File.WriteAllBytes(file, metrics);
            (int exitCode, string output) = Tool.Run(Tool.Require(Python), "-c", Read, file);
            Assert.That(exitCode, Is.Zero, output);
            return output;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
