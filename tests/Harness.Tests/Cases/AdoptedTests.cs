using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Cases.Adopted;
using Vsockspec.Guests;
using Vsockspec.Harness.Tests.Results;
using Vsockspec.Harness.Tests.Targets;

namespace Vsockspec.Harness.Tests.Cases;

/// <summary>What is read from and said to the kernel's own tests.</summary>
public sealed class AdoptedTests
{
    private static readonly AdoptedTest Test = new(VsockTests.Test, 1, 3, "SOCK_STREAM bind only");

    private static readonly CaseResult Begun = Sample.Passed with { Id = "LVT-01", Requirements = [], Level = RequirementLevel.Adopted, Trace = null };

    [Test]
    public void Listing_AsThePrograms_GivesTheNames() =>
        Assert.That(
            TestListing.Parse("ID\tTest name\n0\tSOCK_STREAM connection reset\n1\tSOCK_STREAM poll() + SO_RCVLOWAT\n"),
            Is.EqualTo(new[] { "SOCK_STREAM connection reset", "SOCK_STREAM poll() + SO_RCVLOWAT" }));

    [TestCase("")]
    [TestCase("ID\tTest name\n")]
    [TestCase("Usage: vsock_test [--help]\n")]
    [TestCase("0\ta\n2\tb\n", Description = "a gap would move the tests behind it")]
    public void Listing_NoSuchList_GivesNone(string text) => Assert.That(TestListing.Parse(text), Is.Empty);

    [Test]
    public void Output_OfAWholeRun_HasAWordForEachTest()
    {
        const string Output =
            """
            Control socket connected to 127.0.0.1:35981.
            0 - SOCK_STREAM connection reset...skipped
            1 - SOCK_STREAM poll() + SO_RCVLOWAT...ok
            24 - SOCK_STREAM ioctl(SIOCOUTQ) 0 unsent bytes...Test skipped, SIOCOUTQ not supported.
            ok
            25 - a...some words
            on standard error
            ok
            26 - b...unexpected EOF on control socket
            All tests have been executed. Waiting other peer...ok

            """;
        Assert.That(TestOutput.Read(Output), Is.EqualTo(new[]
        {
            new TestSaid(0, TestWord.Skipped, null),
            new TestSaid(1, TestWord.Ok, null),
            new TestSaid(24, TestWord.Skipped, "SIOCOUTQ not supported."),
            new TestSaid(25, TestWord.Ok, null),
            new TestSaid(26, TestWord.Begun, null),
        }));
        Assert.That(TestOutput.WithoutSkipped(Output), Does.Not.Contain("connection reset").And.Contain("Test skipped").And.Contain("1 - SOCK_STREAM poll()"));
    }

    [TestCase("3 - x...")]
    [TestCase("3 - x...recv: Connection reset by peer")]
    public void Output_ThatEndsInATest_SaysThatItBegan(string output) =>
        Assert.That(TestOutput.Read(output).Single(), Is.EqualTo(new TestSaid(3, TestWord.Begun, null)));

    [Test]
    public void Command_OfOneTest_SkipsAllOthers() =>
        Assert.That(
            TestCommand.Of(Test, "client", "10.0.2.100", 4000, 2),
            Is.EqualTo(new[] { "--mode=client", "--control-host=10.0.2.100", "--control-port=4000", "--peer-cid=2", "--skip=0", "--skip=2" }));

    [Test]
    public void Command_OfAProgramWithoutAList_SkipsNothing() =>
        Assert.That(
            TestCommand.Of(new AdoptedTest(VsockTests.Uring, null, 1, "all"), "server", "127.0.0.1", 1, 77),
            Is.EqualTo(new[] { "--mode=server", "--control-host=127.0.0.1", "--control-port=1", "--peer-cid=77" }));

    [Test]
    public void Id_OfATest_IsItsPlace()
    {
        Assert.That(Test.Id, Is.EqualTo("LVT-01"));
        Assert.That((Test with { Program = VsockTests.Diag, Index = 12 }).Id, Is.EqualTo("LVD-12"));
        Assert.That((Test with { Program = VsockTests.Perf, Index = null }).Id, Is.EqualTo("LVP-00"));
    }

    [TestCase(4711, true)]
    [TestCase(4712, false, Description = "connected")]
    [TestCase(1, false)]
    public void TcpTable_Listener_IsFound(int port, bool listens)
    {
        const string Table =
            """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0F02000A:1267 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 17 1 00 100 0 0 10 0
               1: 0F02000A:1268 6402000A:1267 01 00000000:00000000 00:00000000 00000000     0        0 18 1 00 20 4 30 10 -1
            damaged
            """;
        Assert.That(TcpTable.Listens(Table, port), Is.EqualTo(listens));
    }

    [Test]
    public void Verdict_BothSidesOk_IsPass()
    {
        CaseResult result = PairVerdict.Of(Begun, Test, Pair(Side(true, "1 - x...ok"), Side(true, "1 - x...ok")));
        Assert.That((result.Verdict, result.FailureCode), Is.EqualTo((Verdict.Pass, (string?)null)));
        Assert.That(result.Log, Does.Contain("--- guest (client): exit code 0\n1 - x...ok"));
    }

    [Test]
    public void Verdict_OneSideFails_IsFailWithItsLastLine()
    {
        CaseResult result = PairVerdict.Of(Begun, Test, Pair(Side(false, "1 - x...\nrecv: no"), Side(true, "1 - x...ok")));
        Assert.That((result.Verdict, result.FailureCode), Is.EqualTo((Verdict.Fail, PairVerdict.Failed)));
        Assert.That(result.Observed, Is.EqualTo("guest (client): exit code 1, \"recv: no\"; host (server): exit code 0"));
    }

    [Test]
    public void Verdict_TimeIsOver_IsAHang()
    {
        CaseResult result = PairVerdict.Of(Begun, Test, Pair(Side(false, "1 - x..."), Side(false, "1 - x...")) with { InTime = false });
        Assert.That((result.Verdict, result.FailureCode, result.Termination), Is.EqualTo((Verdict.Fail, PairVerdict.TimedOut, Termination.Hang)));
    }

    [Test]
    public void Verdict_NoSideReachedTheTest_IsOurFault()
    {
        CaseResult result = PairVerdict.Of(Begun, Test, Pair(Side(false, "Control socket initialization failed."), Side(false, "")));
        Assert.That((result.Verdict, result.FailureCode), Is.EqualTo((Verdict.HarnessError, PairVerdict.NotBegun)));
    }

    [TestCase("", "")]
    [TestCase("1 - x...ok", "")]
    [TestCase("0 - y...ok", "0 - y...ok", Description = "another test")]
    public void Verdict_SuccessWithoutAWord_IsOurFault(string client, string server)
    {
        CaseResult result = PairVerdict.Of(Begun, Test, Pair(Side(true, client), Side(true, server)));
        Assert.That((result.Verdict, result.FailureCode), Is.EqualTo((Verdict.HarnessError, PairVerdict.NoWord)));
    }

    [Test]
    public void Verdict_ASideSkipped_IsNotSupportedWithTheReason()
    {
        CaseResult result = PairVerdict.Of(Begun, Test, Pair(Side(true, "1 - x...Test skipped, SIOCOUTQ not supported.\nok"), Side(true, "1 - x...ok")));
        Assert.That((result.Verdict, result.Observed), Is.EqualTo((Verdict.NotSupported, "SIOCOUTQ not supported.")));
    }

    [Test]
    public void Verdict_OfAMeasurement_HasItsFigures()
    {
        CaseResult result = PairVerdict.OfPerf(
            Begun, Pair(Side(true, "Run as sender\ntx performance: 12.5 Gbits/s\ntime in 'send()': 0.500000 sec"), Side(true, "rx performance: 11.000000 Gbits/s\n")));
        Assert.That(result.Verdict, Is.EqualTo(Verdict.Informational));
        Assert.That(result.Recorded, Is.EqualTo(new Dictionary<string, string>
        {
            ["tx performance (Gbits/s)"] = "12.5",
            ["rx performance (Gbits/s)"] = "11.000000",
            ["time in 'send()' (sec)"] = "0.500000",
        }));
    }

    [Test]
    public void Suite_ProgramsThatListTests_HasEachBothWays()
    {
        using Scratch scratch = new();
        AdoptedSuite suite = AdoptedSuite.Of(Programs(scratch, "printf 'ID\\tTest name\\n0\\tfirst\\n1\\tsecond\\n'; exit 1"), CancellationToken.None);
        Assert.That(suite.Runs.Select(r => r.FullName), Is.EqualTo(new[]
        {
            "LVT-00[guest-client]", "LVT-00[host-client]", "LVT-01[guest-client]", "LVT-01[host-client]", "LVD-00[guest-client]", "LVD-00[host-client]",
            "LVU-00[guest-client]", "LVU-00[host-client]", "LVP-00[guest-client]", "LVP-00[host-client]",
        }));
        Assert.That(suite.TestOf(suite.Runs[3]), Is.EqualTo(new AdoptedTest(VsockTests.Test, 1, 2, "second")));
        Assert.That(AdoptedSuite.SideOf(suite.Runs[3]), Is.EqualTo(ClientSide.Host));
    }

    [Test]
    public void Suite_ProgramThatListsNothing_IsRefused()
    {
        using Scratch scratch = new();
        Assert.That(
            () => AdoptedSuite.Of(Programs(scratch, "exit 0"), CancellationToken.None),
            Throws.TypeOf<KernelException>().With.Message.Contains("tells no tests").And.Property(nameof(KernelException.IsInputError)).False);
    }

    private static VsockTests Programs(Scratch scratch, string script)
    {
        string program = Path.Combine(scratch.Path, VsockTests.Test);
        File.WriteAllText(program, $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return new VsockTests("p", "1", new string('a', 64), new string('b', 64), new Dictionary<string, string> { [VsockTests.Test] = program }, new Dictionary<string, string>());
    }

    private static SideEnd Side(bool succeeded, string output) => new("", succeeded, succeeded ? "exit code 0" : "exit code 1", output);

    private static PairEnd Pair(SideEnd client, SideEnd server) => new(client with { Who = "guest (client)" }, server with { Who = "host (server)" }, InTime: true);
}
