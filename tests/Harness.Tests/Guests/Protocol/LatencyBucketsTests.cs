using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Harness.Tests.Guests.Protocol;

[Parallelizable(ParallelScope.All)]
public sealed class LatencyBucketsTests
{
    [TestCase(-1L, 0)]
    [TestCase(0L, 0)]
    [TestCase(255L, 255)]
    [TestCase(256L, 256)]
    [TestCase(257L, 256)]
    [TestCase(258L, 257)]
    [TestCase(LatencyBuckets.Highest, AgentProtocol.MaxBuckets - 1)]
    [TestCase(long.MaxValue, AgentProtocol.MaxBuckets - 1)]
    public void Bucket_OfATime_IsThatOfThePage(long time, int bucket) => Assert.That(LatencyBuckets.Of(time), Is.EqualTo(bucket));

    [Test]
    public void Buckets_All_MeetWithoutGapAndAreNarrow()
    {
        for (int i = 0; i < AgentProtocol.MaxBuckets; i++)
        {
            long lowest = LatencyBuckets.Lowest(i);
            long next = LatencyBuckets.Lowest(i + 1);
            Assert.That((LatencyBuckets.Of(lowest), LatencyBuckets.Of(next - 1)), Is.EqualTo((i, i)));
            Assert.That(next - lowest, Is.LessThanOrEqualTo(Math.Max(1, lowest / 128)));
        }
    }

    [TestCase(3L, 0, 40L, 50L, "for 3", TestName = "Read_OtherSumThanTheResult_IsMalformed")]
    [TestCase(2, 0, 41L, 50L, "41 to 50", TestName = "Read_LowestOutsideItsBucket_IsMalformed")]
    [TestCase(2, 0, 40L, 5000L, "40 to 5000", TestName = "Read_HighestOutsideItsBucket_IsMalformed")]
    [TestCase(2, -20, 40L, 50L, "bucket 30", TestName = "Read_BucketsOutOfOrder_IsMalformed")]
    [TestCase(2, 5000, 40L, 50L, "bucket 5050", TestName = "Read_BucketBeyondTheLast_IsMalformed")]
    public void Read_OfWhatIsNotAgreed_IsMalformed(long result, int off, long lowest, long highest, string told)
    {
        MessageWriter writer = new();
        writer.Add(lowest).Add(highest).Add(2).Add((short)40).Add(1u).Add((short)(50 + off)).Add(1u);
        Assert.That(() => Read(writer, result), Throws.TypeOf<MalformedMessageException>().With.Message.Contains(told));
    }

    private static GuestLatencies Read(MessageWriter writer, long result)
    {
        MessageReader reader = new(writer.Written);
        return GuestLatencies.Read(ref reader, result);
    }
}
