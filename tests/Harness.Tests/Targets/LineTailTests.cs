using System.Text;
using NUnit.Framework;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Targets;

public sealed class LineTailTests
{
    [Test]
    public async Task Follow_MoreLinesThanKept_KeepsTheLast()
    {
        IReadOnlyList<string> lines = await TailOf(string.Concat(Enumerable.Range(0, 1000).Select(i => $"line {i}\n")));

        Assert.That(lines, Has.Count.EqualTo(200));
        Assert.That(lines[0], Is.EqualTo("line 800"));
        Assert.That(lines[^1], Is.EqualTo("line 999"));
    }

    [Test]
    public async Task Follow_EndlessLine_IsCut()
    {
        IReadOnlyList<string> lines = await TailOf(new string('x', 1_000_000));

        Assert.That(lines, Has.Count.EqualTo(1));
        Assert.That(lines[0], Has.Length.EqualTo(1001).And.EndsWith("…"));
    }

    [Test]
    public async Task Follow_EscapeSequencesAndCarriageReturns_AreMadeHarmless() =>
        Assert.That(await TailOf("\u001b[31mred\r\nlast"), Is.EqualTo(["\ufffd[31mred", "last"]));

    private static async Task<IReadOnlyList<string>> TailOf(string text)
    {
        LineTail tail = new();
        await tail.Follow(new MemoryStream(Encoding.UTF8.GetBytes(text)));
        return tail.Lines;
    }
}
