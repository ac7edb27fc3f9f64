using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Guests;

public sealed class GuestStateTests
{
    private static readonly GuestState Fresh = new(4, 200_000);

    [Test]
    public void ParseSockets_AsLinuxWritesIt_GivesTheNumber() =>
        Assert.That(GuestState.ParseSockets("sockets: used 17\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\n"), Is.EqualTo(17));

    [TestCase("")]
    [TestCase("sockets: used \n")]
    [TestCase("sockets: used -3\n")]
    [TestCase("TCP: inuse 0\nsockets: used 17\n")]
    public void ParseSockets_SomethingElse_IsRefused(string text) =>
        Assert.That(() => GuestState.ParseSockets(text), Throws.TypeOf<GuestException>().With.Message.Contains("/proc/net/sockstat"));

    [TestCase(4, 200_000, null)]
    [TestCase(3, 230_000, null)]
    [TestCase(4, 180_000, null, Description = "Slabs are given back late")]
    [TestCase(6, 200_000, "2 sockets")]
    [TestCase(4, 150_000, "48 MiB of memory")]
    public void LeftSince_AfterACase_IsWhatCounts(int sockets, long availableKiB, string? left) =>
        Assert.That(new GuestState(sockets, availableKiB).LeftSince(Fresh), Is.EqualTo(left));

    [Test]
    public void ParseFeatures_TextOfSysfs_HasTheLowestBitFirst()
    {
        string text = new([.. Enumerable.Range(0, 64).Select(bit => bit is 1 or 28 or 32 ? '1' : '0')]);
        Assert.That(AgentClient.ParseFeatures(text), Is.EqualTo(VirtioFeatures.Seqpacket | VirtioFeatures.IndirectDesc | VirtioFeatures.Version1));
    }

    [Test]
    public void ParseFeatures_MoreBitsThanAreKnown_GivesTheKnownOnes() =>
        Assert.That(AgentClient.ParseFeatures("1" + new string('0', 126) + "1"), Is.EqualTo(VirtioFeatures.Stream));

    [TestCase("")]
    [TestCase("0102")]
    [TestCase("0x0013")]
    public void ParseFeatures_SomethingElse_IsNull(string text) => Assert.That(AgentClient.ParseFeatures(text), Is.Null);
}
