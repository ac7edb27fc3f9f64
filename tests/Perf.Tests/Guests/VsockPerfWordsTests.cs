using NUnit.Framework;
using Vsockspec.Perf.Guests;

namespace Vsockspec.Perf.Tests.Guests;

[Parallelizable(ParallelScope.All)]
public sealed class VsockPerfWordsTests
{
    private const string Sent = """
        Run as sender
        Connect to 2:1358954497
        Send 1048576 bytes
        TX buffer 65536 bytes
        total bytes sent: 1048576
        tx performance: 2.097152 Gbits/s
        total time in tx loop: 0.005000 sec
        time in 'send()': 0.004000 sec

        """;

    private const string Received = """
        Run as receiver
        Listen port 1358954498
        RX buffer 65536 bytes
        vsock buffer 262144 bytes
        SO_RCVLOWAT 1 bytes
        total bytes received: 1044480
        rx performance: 1.048576 Gbits/s
        total time in 'read()': 0.003000 sec
        average time in 'read()': 187500.000000 ns
        POLLIN wakeups: 16

        """;

    [Test]
    public void Read_OfASender_IsItsBytesAndRate() => Assert.That(VsockPerfWords.Read(Sent, TransferEnd.Sender), Is.EqualTo(new VsockPerfWords(1_048_576, 250)));

    [Test]
    public void Read_OfAReceiver_IsItsBytesAndRate() => Assert.That(VsockPerfWords.Read(Received, TransferEnd.Receiver), Is.EqualTo(new VsockPerfWords(1_044_480, 125)));

    [Test]
    public void Read_OfTheOtherEnd_IsNothing()
    {
        Assert.That(VsockPerfWords.Read(Sent, TransferEnd.Receiver), Is.Null);
        Assert.That(VsockPerfWords.Read(Received, TransferEnd.Sender), Is.Null);
    }

    [TestCase("tx performance: 2.097152", "tx performance: inf")]
    [TestCase("tx performance: 2.097152", "tx performance: -nan")]
    [TestCase("tx performance: 2.097152", "tx performance: 2097152000000000000000.0")]
    [TestCase("tx performance: 2.097152", "tx performance: 2,097152")]
    [TestCase("tx performance: 2.097152", "rx performance: 2.097152")]
    [TestCase("tx performance: 2.097152 Gbits/s", "tx performance: 2.097152 Gbits/s of all")]
    [TestCase("total bytes sent: 1048576", "total bytes sent: -1")]
    [TestCase("total bytes sent: 1048576", "total bytes sent: 99999999999999999999")]
    [TestCase("total bytes sent: 1048576\n", "total bytes sent: 1048576\ntotal bytes sent: 1\n")]
    [TestCase("total bytes sent: 1048576\n", "")]
    public void Read_OfWhatIsNotItsOutput_IsNothing(string said, string inPlace) =>
        Assert.That(VsockPerfWords.Read(Sent.Replace(said, inPlace, StringComparison.Ordinal), TransferEnd.Sender), Is.Null);

    [Test]
    public void Read_OfAnEmptyOutput_IsNothing() => Assert.That(VsockPerfWords.Read("", TransferEnd.Sender), Is.Null);

    [Test]
    public void Arguments_OfBothEnds_AreTheProgramsOwn()
    {
        Assert.That(
            VsockPerfWords.SenderArguments(2, 1234, 1L << 33, 64), Is.EqualTo(new[] { "--sender", "2", "--port", "1234", "--bytes", "8589934592", "--buf-size", "64" }));
        Assert.That(VsockPerfWords.ReceiverArguments(1234, 65536, 262144), Is.EqualTo(new[] { "--port", "1234", "--buf-size", "65536", "--vsk-size", "262144" }));
    }
}
