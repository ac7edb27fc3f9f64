using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Histories;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Reports;
using Vsockspec.Perf.Reports.Export;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Tests.Reports;

/// <summary>The page as a document: whatever comes from a file stays text, and nothing that a file may have breaks it.</summary>
public sealed partial class PerfHtmlTests
{
    private const string Evil = "</script></style></svg><img src=x onerror=alert(1)>\"'&amp;\u202e\u0000<svg/onload=alert(2)>|`[x](javascript:alert(1))\n=cmd()";

    private static ReportInput Everything => new([SampleReports.FailedRun()], [SampleReports.Comparison()], SampleReports.History());

    [Test]
    public void Html_TextsOfFiles_StayText()
    {
        XDocument page = Parse(PerfPage.Render(EvilInput()));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(page.Descendants("img"), Is.Empty);
            Assert.That(page.Descendants("script").Count(), Is.EqualTo(1));
            Assert.That(page.Descendants().Attributes().Select(a => a.Name.LocalName).Where(n => n.StartsWith("on", StringComparison.Ordinal) || n is "style" or "src"), Is.Empty);
            Assert.That(
                page.Descendants("a").Select(a => a.Attribute("href")!.Value).Where(h => !h.StartsWith('#') && !h.StartsWith("data:text/csv;", StringComparison.Ordinal) && !h.StartsWith("data:application/", StringComparison.Ordinal)),
                Is.Empty);
            Assert.That(page.ToString(), Does.Not.Contain("\u202e").And.Not.Contain("\u0000"));
            Assert.That(page.Descendants("h1").Single().Value, Does.Contain("</script>"));
        }
    }

    [Test]
    public void Exports_TextsOfFiles_StayText()
    {
        IReadOnlyList<ExportFile> files = ExportFile.All(EvilInput());
        string figures = Encoding.UTF8.GetString(files.Single(f => f.Name == "figures.csv").Content);
        string summary = PerfDocuments.Summary(new ReportInput([], [], EvilInput().History));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(figures, Does.Contain("\"'=cmd()\"").Or.Contain("'=cmd()"), "a spreadsheet would take it for a formula");
            Assert.That(figures, Does.Not.Contain("\u0000"));
            Assert.That(summary, Does.Not.Contain("<").And.Not.Match(@"[^\\]\]\(javascript").And.Not.Contain("\u202e"));
        }
    }

    [Test]
    public void Html_NothingToShow_SaysSo()
    {
        XDocument page = Parse(PerfPage.Render(new ReportInput([], [])));
        Assert.That(page.Descendants().Single(e => e.Attribute("class")?.Value == "headline").Value, Is.EqualTo("Nothing was measured"));
    }

    /// <summary>Values that no measurement has, and lists that a stopped run leaves empty.</summary>
    [Test]
    public void Html_ValuesThatAreNoFigures_DoNotBreakIt()
    {
        double[][] values = [[], [double.NaN], [double.PositiveInfinity, double.NegativeInfinity], [0, -5], [1e308, 1e-308], [double.NaN, 4]];
        WorkloadResult[] workloads =
        [
            .. values.Select((v, i) => new WorkloadResult(
                "throughput", new Dictionary<string, string>(), WorkloadOutcome.Measured, null,
                [new Measurement(new Figure("stream/guest-to-host/throughput", $"{64 << i}", "MiB/s", Better.Higher, FigureRole.Gate), v, new Yardstick("socketpair", v, double.NaN))],
                [
                    new LatencyCurve("", double.NaN, double.NegativeInfinity, -1, [.. v.Select(x => new LatencyPoint(x, x))], "../../etc/passwd"),
                    new LatencyCurve("stream/open-loop/64/load-", 10, 9, 1, [new LatencyPoint(50, 10), new LatencyPoint(100, 10)], null),
                ])),
            new WorkloadResult("", new Dictionary<string, string>(), (WorkloadOutcome)77, null, [new Measurement(new Figure("", "", "", (Better)9, (FigureRole)9), [], null)], [], (Bound)12),
        ];
        PerfReport run = SampleReports.Run() with { DurationSeconds = double.NaN, Limits = [new MachineLimit("memcpy", "", Better.Higher, [])], Workloads = workloads };
        CompareReport comparison = SampleReports.Comparison() with
        {
            Options = new CompareOptions { Tolerance = double.NaN },
            Figures = [.. SampleReports.Comparison().Figures.Select((f, i) => f with { First = double.NaN, Slowdown = i % 2 == 0 ? new RatioEstimate(double.NaN, 0, double.PositiveInfinity, 0) : null, Verdict = (PerfVerdict)99 })],
        };
        AlarmRateReport alarm = SampleReports.Alarm() with { Accused = [], Verdict = (PerfVerdict)99, Options = new CompareOptions { Tolerance = double.NaN }, Rates = new AlarmRates(-1, new Rate(7, 0), new Rate(9, 3), new Rate(-4, -4), []) };
        HistoryView history = new([new JudgedHistory(new History("x", [], ["cut off"]), Better.Lower, []), new JudgedHistory(new History("y", [Entry(double.NaN)], []), Better.Lower, [])]) { Alarms = new AlarmNights(alarm, new Rate(0, 0)) };
        foreach (PerfReport each in (PerfReport[])[run, run with { Workloads = [] }, run with { Workloads = [run.Workloads[0]] }])
        {
            ReportInput input = new([each], [comparison, comparison with { Figures = [] }], history);
            XDocument page = Parse(PerfPage.Render(input));
            using (Assert.EnterMultipleScope())
            {
                Assert.That(page.Descendants().Attributes().Where(a => a.Name.LocalName is "d" or "x" or "y" or "x1" or "x2" or "y1" or "y2" or "width").Select(a => a.Value).Where(v => v.Contains("NaN", StringComparison.Ordinal) || v.Contains('∞', StringComparison.Ordinal)), Is.Empty);
                Assert.That(PerfDocuments.Summary(new ReportInput([], [], history)), Is.Not.Empty);
                Assert.That(ExportFile.All(input), Is.Not.Empty);
            }
        }
    }

    [Test]
    public void Html_OfTheSameFigures_IsTheSame()
    {
        byte[] first = PerfPage.Render(Everything);
        Assert.That(PerfPage.Render(Everything), Is.EqualTo(first));
    }

    [Test]
    public void Html_EveryLinkWithin_LeadsSomewhereAndIdsAreUnique()
    {
        XDocument page = Parse(PerfPage.Render(new ReportInput([SampleReports.Run(), SampleReports.FailedRun()], [SampleReports.Comparison(), SampleReports.Comparison(1)], SampleReports.History())));
        string[] ids = [.. page.Descendants().Attributes("id").Select(a => a.Value)];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ids, Is.Unique);
            Assert.That(page.Descendants().Attributes("href").Select(a => a.Value).Where(h => h.StartsWith('#')).Select(h => h[1..]).Except(ids), Is.Empty);
            Assert.That(page.Descendants().Attributes("aria-labelledby").SelectMany(a => a.Value.Split(' ')).Except(ids), Is.Empty);
        }
    }

    [Test]
    public void Html_AThousandFigures_StaySmallAndAreRenderedAtOnce()
    {
        ReportInput input = new([SampleReports.Many(1000)], [], SampleReports.History(90, 300));
        _ = PerfPage.Render(Everything);
        Stopwatch clock = Stopwatch.StartNew();
        byte[] html = PerfPage.Render(input);
        TestContext.Out.WriteLine($"{html.Length} bytes in {clock.ElapsedMilliseconds} ms");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(html, Has.Length.LessThan(2_000_000));
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)), "far beyond what it takes on a slow machine");
        }
    }

    /// <summary>However much a file has, a page does not grow beyond what a browser opens.</summary>
    [Test]
    public void Html_FarTooManyFigures_IsBounded()
    {
        CompareReport comparison = SampleReports.Comparison();
        CompareReport many = comparison with { Figures = [.. Enumerable.Range(0, 6000).Select(i => comparison.Figures[i % comparison.Figures.Count] with { Figure = comparison.Figures[i % comparison.Figures.Count].Figure with { Family = $"family-{i}" } })] };
        Assert.That(PerfPage.Render(new ReportInput([SampleReports.Many(12_000)], [many])), Has.Length.LessThan(6_000_000));
    }

    [TestCase("measured", "Measured; 2 of 6 goals missed", "93")]
    [TestCase("failed", "1 workload failed", "no byte came for 10 s")]
    [TestCase("unfit", "The machine was not fit to measure on", "load (3.1 before the run)")]
    [TestCase("stopped", "Stopped after 5 workloads", "40 of 45 workloads of the plan are missing")]
    [TestCase("slower", "Slower in 3 figures", "stream, host to guest, throughput, 64\u00a0B by 9.1\u00a0%")]
    [TestCase("equivalent", "Inconclusive", "2 of 13 figures that decide are open")]
    [TestCase("slower-unfit", "Inconclusive: the machine was not fit", "because of load (3.1 before the run)")]
    [TestCase("slower-unfit", "Inconclusive: the machine was not fit", "seemed slower or dearer than")]
    [TestCase("broken", "new failed", "b (new) failed in run 7: it ended. 10 runs were measured until then.")]
    [TestCase("history", "Became worse: 1 lasting step", "between c0ffee000053 and c0ffee000054")]
    public void Headline_OfAPage_SaysWhatMatters(string which, string headline, string text)
    {
        ReportInput input = which switch
        {
            "failed" => new([SampleReports.FailedRun()], []),
            "unfit" => new([SampleReports.Run() with { Conditions = SampleReports.Unfit }], []),
            "stopped" => new([SampleReports.Run() with { Workloads = [.. SampleReports.Run().Workloads.Take(5)] }], []),
            "slower" => new([], [SampleReports.Comparison()]),
            "slower-unfit" => new([], [SampleReports.Comparison() with { Conditions = SampleReports.Unfit }]),
            "broken" => new([], [SampleReports.Comparison() with { Failure = new ComparedFailure("b", "new", 7, "it ended.") }]),
            "equivalent" => new([], [SampleReports.Comparison(1.004)]),
            "history" => new([SampleReports.Run()], [], SampleReports.History()),
            _ => new([SampleReports.Run()], []),
        };
        PerfSentence verdict = PerfPage.Verdict(input);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(verdict.Headline, Does.StartWith(headline));
            Assert.That(verdict.Text, Does.Contain(text));
        }
    }

    [Test]
    public void Page_WrittenToAFolder_HasItsFilesBesideIt()
    {
        string folder = Directory.CreateTempSubdirectory("vs-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "stream-round-trip-64.hgrm"), "");
            PerfDocuments.Write(folder, Everything);
            XDocument page = Parse(File.ReadAllBytes(Path.Combine(folder, "report.html")));
            using (Assert.EnterMultipleScope())
            {
                Assert.That(
                    Directory.GetFiles(folder).Select(Path.GetFileName),
                    Is.EquivalentTo(["report.html", "figures.csv", "latencies.csv", "comparison.csv", "history.csv", "data.json", "metrics.txt", "stream-round-trip-64.hgrm"]));
                Assert.That(page.Descendants("a").Attributes("href").Select(a => a.Value).Where(h => h.EndsWith(".hgrm", StringComparison.Ordinal)), Is.EqualTo(["stream-round-trip-64.hgrm"]), "only what is there is linked to");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static HistoryEntry Entry(double value) => new(HistoryEntry.CurrentSchema, "r", SampleReports.Start, null, "m", value);

    private static ReportInput EvilInput()
    {
        Figure figure = new(Evil + "/throughput", Evil, Evil, Better.Higher, FigureRole.Gate);
        Figure counter = new("=cmd()", "", Evil, Better.Lower, FigureRole.Counter);
        PerfReport run = SampleReports.Run() with
        {
            Target = new MeasuredTarget(Evil, Evil, Evil),
            Environment = new Dictionary<string, string> { [Evil] = Evil },
            Conditions = new Conditions([new Condition(Evil, ConditionGrade.Unfit, Evil, Evil)]),
            Limits = [new MachineLimit(Evil, Evil, Better.Higher, [1])],
            Workloads =
            [
                new WorkloadResult(
                    Evil, new Dictionary<string, string> { [Evil] = Evil }, WorkloadOutcome.Failed, Evil,
                    [
                        new Measurement(figure, [1, 2], new Yardstick(Evil, [1, 2], 0.5)),
                        new Measurement(new Figure("stream/guest-to-host/throughput", "64-" + Evil, Evil, Better.Higher, FigureRole.Gate), [1], new Yardstick(Evil, [1], 2)),
                        new Measurement(new Figure("stream/guest-to-host/throughput", "64", Evil, Better.Higher, FigureRole.Gate), [1], new Yardstick(Evil, [1], 2)),
                        new Measurement(counter, [1]),
                        new Measurement(counter with { Family = "a/b" }, [1]),
                    ],
                    [
                        new LatencyCurve(Evil, null, 1, 1, [new LatencyPoint(50, 1), new LatencyPoint(100, 2)], "javascript:alert(1)"),
                        new LatencyCurve("a/" + Evil + "/load-" + Evil, 1, 1, 1, [new LatencyPoint(50, 1)], "../" + Evil),
                        new LatencyCurve("a/" + Evil + "/load-2", 2, 2, 1, [new LatencyPoint(50, 1)], null),
                    ]),
            ],
        };
        CompareReport comparison = SampleReports.Comparison() with
        {
            Failure = new ComparedFailure(Evil, Evil, -1, Evil), A = new ComparedTarget(Evil, Evil), B = new ComparedTarget(Evil, Evil), Plan = Evil, Environment = new Dictionary<string, string> { [Evil] = Evil },
            Figures =
            [
                new FigureComparison(figure, 1, 2, PerfVerdict.Slower, new RatioEstimate(2, 1.5, 3, 0.01), 0.001, null),
                new FigureComparison(counter, 1, 2, PerfVerdict.Slower, null, null, Evil),
            ],
        };
        HistoryEntry[] entries = [.. Enumerable.Range(0, 30).Select(i => new HistoryEntry(HistoryEntry.CurrentSchema, $"{i}{Evil}", SampleReports.Start.AddDays(i), Evil, Evil, i < 15 ? 10 : 20))];
        JudgedStep step = new(new Step(new ChangePoint(15, 10, 20, 0), entries[14], entries[15], true, true), null);
        AlarmRateReport alarm = SampleReports.Alarm() with { Target = new ComparedTarget(Evil, Evil), Plan = Evil, Accused = [Evil, Evil] };
        JudgedStep told = step with { Said = new TriageEntry(Evil, Evil, TriageState.Explained, Evil, Evil) };
        return new ReportInput([run], [comparison], new HistoryView([new JudgedHistory(new History(Evil, entries, [Evil]), Better.Lower, [step]), new JudgedHistory(new History(Evil + "/" + Evil, entries, []), Better.Lower, [told])]) { Alarms = new AlarmNights(alarm, new Rate(1, 2)) });
    }

    private static XDocument Parse(byte[] html) => XDocument.Parse(Assets().Replace(Encoding.UTF8.GetString(html), "$1$2").Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));

    /// <summary>Styles and scripts of ours, which are no XML.</summary>
    [GeneratedRegex("(<style>|<script>).*?(</style>|</script>)", RegexOptions.Singleline)]
    private static partial Regex Assets();
}
