using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Peers;

namespace Vsockspec.Harness.Tests.Peers;

/// <summary>Messages that wait for room on a thread of their own; Unix sockets stand for those of vsock, which this machine may not use.</summary>
public sealed class WaitingOutboxTests
{
    private const int Size = 10_000;

    /// <summary>More than a socket holds.</summary>
    private const int Many = 200;

    /// <summary>EPIPE.</summary>
    private const int BrokenPipe = 32;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private LocalSocket ours = null!;
    private LocalSocket theirs = null!;
    private Timeline timeline = null!;

    [SetUp]
    public void MakePair()
    {
        (ours, theirs) = LocalSocket.CreatePair(LocalSocketKind.Seqpacket);
        timeline = new Timeline(Patience);
    }

    [TearDown]
    public void ClosePair()
    {
        ours.Dispose();
        theirs.Dispose();
    }

    [Test]
    public void Post_MoreThanThereIsRoomFor_AllArriveInOrderAsTheyAreRead()
    {
        using WaitingOutbox outbox = new(ours, Patience);
        for (int i = 0; i < Many; i++)
        {
            Assert.That(outbox.Post(Message(i)), Is.Zero);
        }

        Assert.That(outbox.IsEmpty, Is.False);
        Assert.That(outbox.Untaken, Is.GreaterThan(0));
        timeline.Add(outbox);
        byte[] buffer = new byte[2 * Size];
        for (int i = 0; i < Many; i++)
        {
            int length = 0;
            Assert.That(timeline.WaitUntil(() => theirs.Receive(buffer, out length) == SocketOutcome.Done, new PollEntry(theirs.Fd, PollEvents.Readable)), Is.True);
            Assert.That(buffer.AsSpan(0, length).SequenceEqual(Message(i)), Is.True, $"message {i}");
        }

        Assert.That(timeline.WaitUntil(() => outbox.IsEmpty), Is.True);
    }

    [Test]
    public void Post_WithRoom_IsTakenWhenItReturns()
    {
        using WaitingOutbox outbox = new(ours, Patience);
        Assert.That(outbox.Post([]), Is.Zero);
        Assert.That(outbox.Post(Message(1)), Is.Zero);
        Assert.That(outbox.IsEmpty, Is.True);
    }

    [Test]
    public void Post_ToAnEndThatIsGone_TellsTheError()
    {
        using WaitingOutbox outbox = new(ours, Patience);
        theirs.Dispose();
        Assert.That(outbox.Post("x"u8), Is.EqualTo(BrokenPipe));
        Assert.That(outbox.IsEmpty, Is.True);
    }

    [Test]
    public void Dispose_WhileAMessageWaits_EndsTheThread()
    {
        WaitingOutbox outbox = new(ours, Patience);
        for (int i = 0; i < Many; i++)
        {
            Assert.That(outbox.Post(Message(i)), Is.Zero);
        }

        long begin = Stopwatch.GetTimestamp();
        outbox.Dispose();
        outbox.Dispose();
        Assert.That(Stopwatch.GetElapsedTime(begin), Is.LessThan(Patience));
    }

    private static byte[] Message(int i) => [.. Enumerable.Range(i, Size).Select(n => (byte)n)];
}
