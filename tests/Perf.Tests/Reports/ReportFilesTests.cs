using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Reports;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Tests.Reports;

public sealed class ReportFilesTests
{
    private string folder = "";

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory("vs-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(folder, recursive: true);

    [Test]
    public void Read_ARunAndAComparison_GivesThemBack()
    {
        Directory.CreateDirectory(Path.Combine(folder, "run"));
        PerfJson.Write(SampleReports.FailedRun(), Path.Combine(folder, "run"));
        CompareJson.Write(SampleReports.Comparison(), folder);
        ReportInput input = ReportFiles.Read([Path.Combine(folder, "run"), Path.Combine(folder, CompareJson.File)], null);
        Assert.That(PerfPage.Render(input), Is.EqualTo(PerfPage.Render(new ReportInput([SampleReports.FailedRun()], [SampleReports.Comparison()]))));
    }

    [TestCase("", "is no JSON")]
    [TestCase("[]", "schema: is ''")]
    [TestCase("{\"schema\":\"vsockspec-perf/9\"}", "schema: is 'vsockspec-perf/9'; this version reads vsockspec-perf/2")]
    [TestCase("{\"schema\":\"vsockspec-compare/1\"}", "a")]
    [TestCase("{\"schema\":\"vsockspec-compare/1\",\"a\":null}", "a")]
    [TestCase("{\"schema\":\"vsockspec-perf/2\",\"target\":7}", "target")]
    public void Read_AFileThatIsNone_SaysWhereAndWhy(string content, string why)
    {
        string file = Path.Combine(folder, "x.json");
        File.WriteAllText(file, content);
        DataFileException error = Assert.Throws<DataFileException>(() => ReportFiles.Read([file], null));
        Assert.That(error.Message, Does.StartWith(file).And.Contain(why));
    }

    /// <summary>One value after the other becomes null, missing, text, a number or a list: an error or a page, and nothing else.</summary>
    [Test]
    public void Read_AnyFieldChanged_IsRefusedOrRendered([Values] bool comparison)
    {
        if (comparison)
        {
            CompareReport failed = SampleReports.Comparison() with
            {
                Figures = [.. SampleReports.Comparison().Figures.Take(2)],
                Runs = [new RunPair(new Dictionary<string, double> { ["stream/guest-to-host/throughput/64"] = 900 }, new Dictionary<string, double>())],
                Failure = new ComparedFailure("b", "new", 1, "it ended"),
            };
            CompareJson.Write(failed, folder);
        }
        else
        {
            PerfReport small = SampleReports.FailedRun();
            PerfJson.Write(small with { Workloads = [small.Workloads[0], .. small.Workloads.Where(w => w.Latencies.Count > 0).Take(1)] }, folder);
        }

        string file = Directory.GetFiles(folder).Single();
        string content = File.ReadAllText(file);
        int refused = 0;
        int places = 0;
        foreach (string changed in new JsonChanges(content).All())
        {
            places++;
            File.WriteAllText(file, changed);
            try
            {
                ReportInput input = ReportFiles.Read([file], null);
                _ = PerfPage.Render(input);
                _ = PerfDocuments.Summary(input);
            }
            catch (DataFileException e)
            {
                refused++;
                Assert.That(e.Message, Does.StartWith(file));
            }
        }

        TestContext.Out.WriteLine($"{places} changes, {refused} refused");
        Assert.That(refused, Is.GreaterThan(20));
    }

    [Test]
    public void Read_AFolderWithNeither_NamesTheRemedy() =>
        Assert.That(() => ReportFiles.Read([folder], null), Throws.TypeOf<DataFileException>().With.Message.Contains("perf.json"));

    [Test]
    public void Read_NoSuchFile_NamesTheRemedy() =>
        Assert.That(() => ReportFiles.Read([Path.Combine(folder, "none")], null), Throws.TypeOf<DataFileException>().With.Message.Contains("no such file or folder; give what 'vsockspec perf run'"));
}
