using NUnit.Framework;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Tests.Statistics;

[TestFixture]
public sealed class InterleavingTests
{
    [Test]
    public void Abba_OfSteadyDrift_MeetsBothAlike()
    {
        bool[] turns = [.. Interleaving.Abba(10)];
        Assert.That(turns, Has.Length.EqualTo(20));
        Assert.That(turns.Select((first, at) => first ? at : -at).Sum(), Is.Zero);
    }
}
