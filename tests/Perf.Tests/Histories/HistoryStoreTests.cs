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

    [TestCase("")]
    [TestCase("../x")]
    [TestCase("a b")]
    [TestCase("a\0b")]
    public void Append_OfNoSeries_IsRefused(string series) => Assert.That(() => store.Append(series, Entry("a", 1)), Throws.TypeOf<HistoryException>());

    private static HistoryEntry Entry(string run, double value) => new(HistoryEntry.CurrentSchema, run, DateTimeOffset.UnixEpoch, "c0ffee", "machine", value);

    private string OnlyFile() => Directory.GetFiles(folder).Single();
}
