using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Reports;
using Vsockspec.Perf.Reports.Sections;
using Vsockspec.Perf.Statistics;
using Vsockspec.Results.Html;
using Vsockspec.Tests;

namespace Vsockspec.Perf.Tests.Reports;

/// <summary>The false alarms of a history's nights, from their files to the section of the page.</summary>
public sealed class AlarmRateSectionTests
{
    private static readonly AlarmRateReport Quiet = SampleReports.Alarm() with { Accused = [], Verdict = PerfVerdict.Equivalent };

    private string history = "";

    [SetUp]
    public void MakeFolder()
    {
        history = Directory.CreateTempSubdirectory("vs-").FullName;
        Directory.CreateDirectory(Path.Combine(history, "nights"));
    }

    [TearDown]
    public void RemoveFolder() => Directory.Delete(history, recursive: true);

    [Test]
    public void Section_OfANightWithAnAlarm_IsAsApproved() => Snapshot.Match(Written(new AlarmNights(SampleReports.Alarm(), new Rate(2, 89))), "alarms.html");

    [Test]
    public void Section_OfNoNight_SaysThatThereIsNone() => Assert.That(Written(AlarmNights.None), Does.Contain("No night of this history was compared with itself").And.Not.Contain("<table"));

    [Test]
    public void Section_OfAnUnfitNight_CountsTheOthers()
    {
        string text = Written(new AlarmNights(Quiet with { Conditions = SampleReports.Unfit, Rates = null }, new Rate(0, 30)));
        Assert.That(text, Does.Contain("it does not count, the machine was unfit: load: 3.1 before the run").And.Contain("the true rate is 0.00\u00a0% to 11.35\u00a0% (95\u00a0%)").And.Not.Contain("labelled anew"));
    }

    /// <summary>The newest night may stand beside the history; the same one in both places is one.</summary>
    [Test]
    public void Nights_OfAHistoryAndTonight_AreCountedOnce()
    {
        Keep("a", SampleReports.Alarm());
        Keep("b", Quiet with { StartedAt = SampleReports.Start.AddDays(1) });
        Keep("c", SampleReports.Alarm() with { StartedAt = SampleReports.Start.AddDays(2), Conditions = SampleReports.Unfit });
        Keep(".unfinished", SampleReports.Alarm() with { StartedAt = SampleReports.Start.AddDays(9) });
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(history, "nights", "rubbish")).FullName, AlarmRateReport.File), "{}");
        string tonight = Directory.CreateDirectory(Path.Combine(history, "tonight")).FullName;
        Write(tonight, Quiet with { StartedAt = SampleReports.Start.AddDays(3) });
        AlarmNights nights = HistoryView.Read(history, tonight, Path.Combine(history, "nights", "b"), Path.Combine(history, "nowhere")).Alarms;
        Assert.That(nights.Alarms, Is.EqualTo(new Rate(1, 3)));
        Assert.That(nights.Last!.StartedAt, Is.EqualTo(SampleReports.Start.AddDays(3)));
        Assert.That(HistoryView.Read(history).Alarms.Last!.StartedAt, Is.EqualTo(SampleReports.Start.AddDays(2)), "also one on an unfit machine");
    }

    [Test]
    public void Nights_OfAHistoryWithoutAny_AreNone()
    {
        Directory.Delete(Path.Combine(history, "nights"));
        Assert.That(HistoryView.Read(history).Alarms, Is.EqualTo(AlarmNights.None));
    }

    /// <summary>One value after the other becomes null, missing, text, a number or a list: a night or none, and nothing else.</summary>
    [Test]
    public void Night_WithAnyFieldChanged_IsLeftOutOrRendered()
    {
        string file = Path.Combine(Directory.CreateDirectory(Path.Combine(history, "nights", "a")).FullName, AlarmRateReport.File);
        int left = 0;
        AlarmRateReport report = SampleReports.Alarm() with { Conditions = new Conditions([new Condition("load", ConditionGrade.Doubtful, "0.4", "wait")]) };
        foreach (string changed in new JsonChanges(JsonSerializer.Serialize(report, PerfJson.Options)).All())
        {
            File.WriteAllText(file, changed);
            AlarmNights nights = HistoryView.Read(history).Alarms;
            left += nights.Last is null ? 1 : 0;
            Assert.That(Written(nights), Does.Not.Contain("NaN"));
        }

        Assert.That(left, Is.GreaterThan(20));
    }

    private void Keep(string night, AlarmRateReport report) => Write(Directory.CreateDirectory(Path.Combine(history, "nights", night)).FullName, report);

    private static void Write(string folder, AlarmRateReport report) => File.WriteAllText(Path.Combine(folder, AlarmRateReport.File), JsonSerializer.Serialize(report, PerfJson.Options));

    private static string Written(AlarmNights nights)
    {
        HtmlWriter html = new();
        new AlarmRateSection(nights).Write(html);
        return Encoding.UTF8.GetString(html.ToBytes()).Replace("<!DOCTYPE html>\n", "", StringComparison.Ordinal).Replace("><", ">\n<", StringComparison.Ordinal);
    }
}
