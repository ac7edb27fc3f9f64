using CsCheck;
using NUnit.Framework;
using Vsockspec.Perf.Histories;

namespace Vsockspec.Perf.Tests.Histories;

[TestFixture]
public sealed class HistoryStoreTests
{
    private const string Series = "stream/guest-to-host/throughput/64";
    private string folder = "";
    private HistoryStore store = new("");

    [SetUp]
    public void MakeFolder()
    {
        folder = Directory.CreateTempSubdirectory("vs-history-").FullName;
        store = new HistoryStore(folder);
    }

    [TearDown]
    public void RemoveFolder() => Directory.Delete(folder, recursive: true);

    [Test]
    public void Append_ThenRead_IsTheSame()
    {
        Assert.That(store.Append(Series, Entry("a", 1)), Is.True);
        Assert.That(store.Append(Series, Entry("b", 2)), Is.True);
        Assert.That(store.Series(), Is.EqualTo(new[] { Series }));
        Assert.That(store.Read(Series).Entries, Is.EqualTo(new[] { Entry("a", 1), Entry("b", 2) }));
    }

    [Test]
    public void Append_OfARunThatIsThere_AddsNothing()
    {
        _ = store.Append(Series, Entry("a", 1));
        Assert.That(store.Append(Series, Entry("a", 9)), Is.False);
        Assert.That(store.Read(Series).Entries.Single().Value, Is.EqualTo(1));
    }

    /// <summary>A crash may cut a file off anywhere: nothing before is lost, and the next line stands by itself.</summary>
    [Test]
    public void Read_OfAFileCutOffAnywhere_HasAllWholeLines()
    {
        for (int i = 0; i < 5; i++)
        {
            _ = store.Append(Series, Entry($"run{i}", 100 + i));
        }

        byte[] all = File.ReadAllBytes(OnlyFile());
        Gen.Int[0, all.Length].Sample(length =>
        {
            File.WriteAllBytes(OnlyFile(), all[..length]);
            int whole = all.AsSpan(0, length).Count((byte)'\n');
            History cut = store.Read(Series);
            bool isRight = cut.Entries.Count == whole && cut.Notices.Count == (length > 0 && all[length - 1] != '\n' ? 1 : 0);
            _ = store.Append(Series, Entry("next", 7));
            History after = store.Read(Series);
            return isRight && after.Entries.Count == whole + 1 && after.Notices.Count == 0;
        }, iter: 200, threads: 1);
    }

    [Test]
    public void Append_ByManyWriters_KeepsEveryLine()
    {
        Parallel.For(0, 8, writer =>
        {
            for (int i = 0; i < 25; i++)
            {
                _ = new HistoryStore(folder).Append(Series, Entry($"{writer}-{i}", i + 1));
            }
        });
        History history = store.Read(Series);
        Assert.That(history.Entries, Has.Count.EqualTo(200));
        Assert.That(history.Notices, Is.Empty);
    }

    [TestCase("{\"schema\":\"vsockspec-history/2\",\"run\":\"a\",\"machine\":\"m\",\"value\":1}", "has the schema 'vsockspec-history/2', this version reads vsockspec-history/1")]
    [TestCase("{\"schema\":\"vsockspec-history/1\",\"run\":\"a\",\"machine\":\"m\",\"value\":-1}", "a positive value is missing")]
    [TestCase("{\"schema\":\"vsockspec-history/1\",\"machine\":\"m\",\"value\":1}", "run, machine or a positive value is missing")]
    [TestCase("null", "run, machine or a positive value is missing")]
    [TestCase("rubbish", "not an entry of a history")]
    [TestCase("[[[[[[[[]]]]]]]]", "not an entry of a history")]
    public void Read_OfAWrongLine_NamesItAndTheRemedy(string line, string expected)
    {
        _ = store.Append(Series, Entry("a", 1));
        File.AppendAllText(OnlyFile(), line + "\n");
        HistoryException e = Assert.Throws<HistoryException>(() => store.Read(Series));
        Assert.That(e.Message, Does.Contain(OnlyFile() + ":2: ").And.Contain(expected));
        Assert.That(() => store.Append(Series, Entry("b", 1)), Throws.TypeOf<HistoryException>(), "and nothing is added to what cannot be read");
    }

    [Test]
    public void Read_OfARunTwice_CountsTheFirstAndSaysSo()
    {
        _ = store.Append(Series, Entry("a", 1));
        File.AppendAllText(OnlyFile(), File.ReadAllText(OnlyFile()));
        Assert.That(store.Read(Series).Entries, Has.Count.EqualTo(1));
        Assert.That(store.Read(Series).Notices.Single(), Does.Contain(":2: run 'a' stands there twice"));
    }

    /// <summary>
    /// A writer that is stopped after anything that it did, and within a line too: all of the night is there for whoever reads, and the next writer, with whatever it brings, completes it.
    /// </summary>
    [Test]
    public void Append_StoppedAnywhere_LeavesTheNightWhole([Range(1, 6)] int steps, [Values] bool withinALine)
    {
        _ = store.Append(Night("before"));
        int left = steps;
        HistoryStore stopped = new(folder) { Written = () => left = left > 1 ? left - 1 : throw new StoppedException() };
        Assert.That(() => stopped.Append(Night("stopped")), Throws.TypeOf<StoppedException>());
        if (withinALine && NightOf(steps - 1) is { } next)
        {
            File.AppendAllText(Path.Combine(folder, next.Replace('/', '~') + ".jsonl"), "{\"schema\":\"vsockspec-hi");
        }

        Assert.That(Runs(store), Is.EqualTo(Whole("before", "stopped")), "as it was left");
        Assert.That(store.ReadAll().SelectMany(h => h.Notices), Is.Empty);
        Assert.That(store.Append("another/series", Entry("next", 1)), Is.True);
        Assert.That(Directory.GetFiles(folder, ".night*"), Is.Empty);
        string[] files = [.. Directory.GetFiles(folder, "*.jsonl").Where(f => !f.Contains("another", StringComparison.Ordinal))];
        Assert.That(files, Has.Length.EqualTo(5));
        Assert.That(files.Select(f => File.ReadAllLines(f).Length), Is.All.EqualTo(2), "the lines themselves are there, once");
        Assert.That(store.Append(Night("stopped")), Is.Zero, "and the same night again adds nothing");
        Assert.That(store.Append(Night("after")), Is.EqualTo(5));
        Assert.That(Runs(store).Where(r => r.Series != "another/series"), Is.EqualTo(Whole("before", "stopped", "after")));

        static string? NightOf(int series) => series < 5 ? $"figure/{series}" : null;
    }

    /// <summary>What a writer wrote before its journal had its name, or of a journal that lost its end, was never begun.</summary>
    [TestCase(".night.journal.part", 100)]
    [TestCase(".night.journal.part", 0)]
    [TestCase(".night.journal", 0)]
    [TestCase(".night.journal", 30)]
    [TestCase(".night.journal", 100)]
    [TestCase(".night.journal", 600)]
    public void Append_StoppedBeforeTheJournalWasWhole_LeavesNothing(string name, int length)
    {
        _ = store.Append(Night("before"));
        HistoryStore stopped = new(folder) { Written = () => throw new StoppedException() };
        Assert.That(() => stopped.Append(Night("stopped")), Throws.TypeOf<StoppedException>());
        string journal = Path.Combine(folder, ".night.journal");
        byte[] content = File.ReadAllBytes(journal);
        Assert.That(content, Has.Length.GreaterThan(600));
        File.Delete(journal);
        File.WriteAllBytes(Path.Combine(folder, name), content[..length]);

        Assert.That(Runs(store), Is.EqualTo(Whole("before")));
        Assert.That(store.Append(Night("after")), Is.EqualTo(5));
        Assert.That(Runs(store), Is.EqualTo(Whole("before", "after")));
        Assert.That(Directory.GetFiles(folder, ".night*"), Is.Empty);
    }

    [TestCase("rubbish\n", ":1: no journal of a night: ")]
    [TestCase("{\"schema\":\"vsockspec-history-night/2\",\"lines\":0}\n", ":1: no journal of a night: is of another version")]
    [TestCase("{\"schema\":\"vsockspec-history-night/1\",\"lines\":1}\nnull\n", ":2: no journal of a night: series, run, machine or a positive value is missing")]
    [TestCase("{\"schema\":\"vsockspec-history-night/1\",\"lines\":1}\n{\"series\":\"../../x\",\"entry\":{\"schema\":\"vsockspec-history/1\",\"run\":\"r\",\"machine\":\"m\",\"value\":1}}\n", "'../../x' is no name of a series")]
    public void Journal_ThatIsNone_IsNamedByReadersAndWriters(string content, string expected)
    {
        _ = store.Append(Series, Entry("a", 1));
        File.WriteAllText(Path.Combine(folder, ".night.journal"), content);
        Assert.That(() => store.ReadAll(), Throws.TypeOf<HistoryException>().With.Message.Contains(expected));
        Assert.That(() => store.Append(Series, Entry("b", 1)), Throws.TypeOf<HistoryException>().With.Message.Contains(expected));
        Assert.That(Directory.GetFiles(folder, "*.jsonl"), Has.Length.EqualTo(1));
    }

    /// <summary>One series that cannot be read keeps a night from being begun.</summary>
    [Test]
    public void Append_WhereOneSeriesIsBroken_AddsNothing()
    {
        _ = store.Append(Night("before"));
        File.AppendAllText(Path.Combine(folder, "figure~3.jsonl"), "rubbish\n");
        Assert.That(() => store.Append(Night("next")), Throws.TypeOf<HistoryException>().With.Message.Contains("figure~3.jsonl:2: "));
        Assert.That(File.ReadAllLines(Path.Combine(folder, "figure~0.jsonl")), Has.Length.EqualTo(1));
        Assert.That(Directory.GetFiles(folder, ".night*"), Is.Empty);
    }

    /// <summary>Writers of whole nights and a reader at once: every night is there, and nobody sees a part of one.</summary>
    [Test]
    [CancelAfter(120_000)]
    public void ReadAll_WhileNightsAreAppended_SeesWholeNights()
    {
        _ = store.Append(Night("before"));
        Task writers = Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(() =>
        {
            for (int night = 0; night < 5; night++)
            {
                _ = new HistoryStore(folder).Append(Night($"{writer}-{night}"));
            }
        })));
        List<string> parts = [];
        do
        {
            parts.AddRange(store.ReadAll().SelectMany(h => h.Entries).GroupBy(e => e.Run).Where(run => run.Count() != 5).Select(run => $"{run.Key}: {run.Count()}"));
        }
        while (!writers.IsCompleted);
        writers.Wait();
        Assert.That(parts, Is.Empty);
        Assert.That(store.ReadAll().Select(h => h.Entries.Count), Is.All.EqualTo(21));
    }

    /// <summary>A copy that nobody may write to, without the lock, can be read.</summary>
    [Test]
    public void ReadAll_OfACopyWithoutALock_ReadsItAndAddsNoFile()
    {
        _ = store.Append(Night("a"));
        File.Delete(Path.Combine(folder, ".writer.lock"));
        Assert.That(Runs(store), Is.EqualTo(Whole("a")));
        Assert.That(Directory.GetFiles(folder), Has.Length.EqualTo(5));
    }

    [TestCase("")]
    [TestCase("../x")]
    [TestCase("a b")]
    [TestCase("a\0b")]
    public void Append_OfNoSeries_IsRefused(string series) => Assert.That(() => store.Append(series, Entry("a", 1)), Throws.TypeOf<HistoryException>());

    private static HistoryEntry Entry(string run, double value) => new(HistoryEntry.CurrentSchema, run, DateTimeOffset.UnixEpoch, "c0ffee", "machine", value);

    private static HistoryLine[] Night(string run) => [.. Enumerable.Range(0, 5).Select(i => new HistoryLine($"figure/{i}", Entry(run, i + 1)))];

    private static IEnumerable<(string Series, string Run)> Whole(params string[] runs) => from line in Night("") from run in runs select (line.Series, run);

    private static IEnumerable<(string Series, string Run)> Runs(HistoryStore store) => store.ReadAll().SelectMany(h => h.Entries.Select(e => (h.Series, e.Run)));

    private sealed class StoppedException : Exception;

    private string OnlyFile() => Directory.GetFiles(folder, "*.jsonl").Single();
}
