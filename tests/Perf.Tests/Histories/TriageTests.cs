using NUnit.Framework;
using Vsockspec.Perf.Histories;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Tests.Histories;

[TestFixture]
public sealed class TriageTests
{
    private string folder = "";

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory("vs-triage-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(folder, recursive: true);

    [TestCase("r30", true)]
    [TestCase("r32", true)]
    [TestCase("r27", false)]
    [TestCase("gone", false)]
    public void Triage_OfAStep_StaysWithItThoughItsPlaceMoves(string run, bool isTold)
    {
        Write($"steps:\n  - {{series: s, run: {run}, state: explained, by: me, note: a larger buffer}}\n");
        History history = new("s", [.. Enumerable.Range(0, 40).Select(at => new HistoryEntry(HistoryEntry.CurrentSchema, $"r{at}", DateTimeOffset.UnixEpoch.AddDays(at), null, "m", at < 30 ? 100 : 90))], []);
        Step step = new Trend(new ChangePointDetector()).Steps(history, Better.Higher).Single();
        Assert.That(Triage.Load(folder).Of(history, step), isTold ? Is.Not.Null : Is.Null);
    }

    [TestCase("steps:\n  - {series: s, run: r, state: ignored, by: me, note: n}\n", "is 'ignored'; write one of: acknowledged, explained, fixed, wont-fix")]
    [TestCase("steps:\n  - {series: s, run: r, state: fixed, note: n}\n", "by")]
    [TestCase("nights: []\n", "nights")]
    public void Load_OfAWrongFile_NamesTheField(string text, string expected)
    {
        Write(text);
        Assert.That(() => Triage.Load(folder), Throws.TypeOf<DataFileException>().With.Message.Contains(expected).And.Message.Contains(Triage.File));
    }

    private void Write(string text) => File.WriteAllText(Path.Combine(folder, Triage.File), text);
}
