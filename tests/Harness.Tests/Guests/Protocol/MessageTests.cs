using CsCheck;
using NUnit.Framework;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Harness.Tests.Guests.Protocol;

/// <summary>Payloads: what is written is read, and what is cut, too long or senseless is refused and nothing else.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class MessageTests
{
    [Test]
    public void Hello_Written_IsReadTheSame() =>
        Gen.Select(Gen.String, Gen.Long[0, long.MaxValue], Gen.String.Array[0, 5]).Sample((release, ticks, problems) =>
        {
            // Halves of surrogate pairs do not survive UTF-8.
            AgentHello hello = new(Whole(release), new TimeSpan(ticks), [.. problems.Select(Whole)]);
            MessageWriter writer = new();
            hello.Write(writer);
            AgentHello read = AgentHello.Read(writer.Written);
            Assert.That((read.Release, read.UpTime), Is.EqualTo((hello.Release, hello.UpTime)));
            Assert.That(read.Problems, Is.EqualTo(hello.Problems));
        });

    [Test]
    public void Hello_CutShortAnywhere_IsRefused()
    {
        MessageWriter writer = new();
        new AgentHello("6.1.0", TimeSpan.FromSeconds(1), ["a problem"]).Write(writer);
        byte[] whole = writer.Written.ToArray();
        for (int i = 0; i < whole.Length; i++)
        {
            Assert.That(() => AgentHello.Read(whole.AsSpan(0, i)), Throws.TypeOf<MalformedMessageException>(), $"{i} bytes");
        }

        Assert.That(() => AgentHello.Read([.. whole, 0]), Throws.TypeOf<MalformedMessageException>());
    }

    [Test]
    public void Hello_OfAnyBytes_IsReadOrRefused() =>
        Gen.Byte.Array[0, 100].Sample(bytes =>
        {
            try
            {
                AgentHello.Read(bytes);
            }
            catch (MalformedMessageException)
            {
                // As it should be.
            }
        });

    [TestCase(-1)]
    [TestCase(11)]
    [TestCase(int.MaxValue)]
    public void Count_BeyondItsLimit_IsRefused(int count)
    {
        byte[] bytes = new MessageWriter().Add(count).Written.ToArray();
        Assert.That(() => new MessageReader(bytes).Count(10), Throws.TypeOf<MalformedMessageException>());
    }

    [Test]
    public void Bytes_WithAHugeLength_AreRefused()
    {
        byte[] bytes = new MessageWriter().Add(int.MaxValue).Add(1L).Written.ToArray();
        Assert.That(() => new MessageReader(bytes).Bytes().Length, Throws.TypeOf<MalformedMessageException>());
    }

    [Test]
    public void SeedStream_FromAnyPlace_IsPartOfTheWhole() =>
        Gen.Select(Gen.ULong, Gen.Int[0, 200], Gen.Int[0, 100]).Sample((seed, place, length) =>
        {
            byte[] whole = new byte[300];
            SeedStream.Fill(seed, 0, whole);
            byte[] part = new byte[length];
            SeedStream.Fill(seed, (ulong)place, part);
            Assert.That(part, Is.EqualTo(whole[place..(place + length)]));
        });

    [Test]
    public void SeedStream_WithOneByteWrong_TellsWhich() =>
        Gen.Select(Gen.ULong, Gen.ULong, Gen.Int[0, 99], Gen.Byte[1, 255]).Sample((seed, place, at, change) =>
        {
            byte[] data = new byte[100];
            SeedStream.Fill(seed, place, data);
            Assert.That(SeedStream.FirstDifference(seed, place, data, new byte[100]), Is.EqualTo(-1));
            data[at] ^= change;
            Assert.That(SeedStream.FirstDifference(seed, place, data, new byte[100]), Is.EqualTo(at));
        });

    /// <summary>RFC 3720 appendix B.4.</summary>
    [Test]
    public void Checksum_OfTheRfcsExamples_IsTheRfcs()
    {
        Assert.That(Checksum.Of(new byte[32]), Is.EqualTo(0x8a9136aa));
        Assert.That(Checksum.Of([.. Enumerable.Repeat((byte)0xff, 32)]), Is.EqualTo(0x62a8ab43));
        Assert.That(Checksum.Of([.. Enumerable.Range(0, 32).Select(i => (byte)i)]), Is.EqualTo(0x46dd794e));
    }

    private static string Whole(string text) => new([.. text.Where(c => !char.IsSurrogate(c))]);
}
