using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Conformance.Mutation;
using Vsockspec.Guests;
using Vsockspec.Reference.Mutants;
using Vsockspec.Targets;

namespace Vsockspec.Conformance;

/// <summary>
/// The cases that need a guest, against the reference device under user-mode Linux, and its mutants, a guest for each. A guest that boots fills a processor, so as
/// many run side by side. Those that its kernel is too old for are in <see cref="NewKernelFixture"/>. Where a tool is missing: an error in CI, a skip with the reason elsewhere.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.Children)]
public sealed class SocketFixture
{
    private static readonly CaseRun[] All = GuestBench.Runs(_ => true);
    private static readonly UmlGuests Guests = new(TestContext.Progress.WriteLine);
    private GuestJudgement judged = new();

    public static IEnumerable<TestCaseData> Runs() => GuestBench.Tests(All);

    [OneTimeSetUp]
    public void RunAll()
    {
        GuestBench.Require(GuestBench.Missing("linux", "clang", "ld.lld"));
        judged = GuestBench.Judge(Guests, BuiltInTargets.Find(BuiltInTargets.Default, SuiteData.Folder).ToTarget(), All, TimeSpan.FromSeconds(5), GuestBench.Jobs);
    }

    [TestCaseSource(nameof(Runs))]
    public void Case(CaseRun run)
    {
        CaseResult result = judged[run];
        if (result.Verdict == Verdict.NotApplicable)
        {
            Assert.Ignore(result.Observed ?? "not applicable");
        }

        Assert.That(result.Verdict, Is.AnyOf(Verdict.Pass, Verdict.Informational), $"{result.FailureCode}: expected {result.Expected}; observed {result.Observed}\n{result.Log}");
    }

    /// <summary>The auditor reads the rings of every guest; Linux' driver is not what is judged here, and a finding about it would be worth a look.</summary>
    [Test]
    public void Driver_OfLinux_IsAccusedOfNothing() => Assert.That(judged.DriverFindings, Is.Empty);

    /// <summary>Mutants of the reference device that applications notice.</summary>
    [TestCase("response-missing", "VSC-1401")]
    [TestCase("request-refused-silently", "VSC-1403")]
    [TestCase("shutdown-half-close-ignored", "VSC-1404")]
    [TestCase("shutdown-half-close-is-close", "VSC-1404")]
    [TestCase("shutdown-of-host-too-much", "VSC-1405")]
    [TestCase("stream-to-guest-loses-a-byte", "VSC-1402")]
    [TestCase("stream-loses-a-byte", "VSC-1406")]
    [TestCase("flow-without-guest-port", "VSC-1409")]
    [TestCase("stream-to-guest-loses-a-byte", "VSC-1410")]
    [TestCase("stream-loses-a-byte", "VSC-1411")]
    [TestCase("message-ends-with-every-piece", "VSC-1412")]
    [TestCase("tuple-used-once", "VSC-1413")]
    [TestCase("config-big-endian", "VSC-1414")]
    [TestCase("response-missing", "VSC-1415")]
    [TestCase("shutdown-of-host-untold", "VSC-1416")]
    [TestCase("shutdown-of-host-untold", "VSC-1407")]
    [TestCase("stream-loses-a-byte", "VSC-1408")]
    [TestCase("connect-confirmed-early", "VSC-1417")]
    [TestCase("connect-confirmed-early", "VSC-1418")]
    [TestCase("tuple-used-once", "VSC-1419")]
    [TestCase("reset-of-flows-unsent", "VSC-1420")]
    [TestCase("connect-confirmed-early", "VSC-1421")]
    [TestCase("request-refused-silently", "VSC-1422")]
    [TestCase("flow-without-guest-port", "VSC-1423")]
    [TestCase("tuple-always-the-same", "VSC-1424")]
    [TestCase("request-refused-silently", "VSC-1425")]
    [TestCase("request-refused-silently", "VSC-1426")]
    [TestCase("address-of-others-mutes", "VSC-1427")]
    [TestCase("address-of-others-mutes", "VSC-1428")]
    [TestCase("shutdown-ignored", "VSC-1429")]
    [TestCase("config-big-endian", "VSC-1430")]
    [TestCase("address-of-others-mutes", "VSC-1431")]
    [TestCase("reset-ignored", "VSC-1432")]
    [TestCase("shutdown-half-close-is-close", "VSC-1433")]
    [TestCase("credit-untold-when-half-closed", "VSC-1434")]
    [TestCase("shutdown-half-close-is-close", "VSC-1435")]
    [TestCase("shutdown-half-close-ignored", "VSC-1436")]
    [TestCase("refusal-of-host-untold", "VSC-1437")]
    [TestCase("shutdown-of-host-too-little", "VSC-1438")]
    [TestCase("shutdown-ignored", "VSC-1439")]
    [TestCase("reset-of-flows-unsent", "VSC-1440")]
    [TestCase("shutdown-of-host-too-much", "VSC-1441")]
    [TestCase("shutdown-of-host-untold", "VSC-1442")]
    [TestCase("stream-loses-a-byte", "VSC-1443")]
    [TestCase("shutdown-ignored", "VSC-1444")]
    [TestCase("stream-to-guest-loses-a-byte", "VSC-1445")]
    [TestCase("stream-to-guest-loses-a-byte", "VSC-1446")]
    [TestCase("stream-to-guest-loses-a-byte", "VSC-1447")]
    [TestCase("stream-to-guest-loses-a-byte", "VSC-1448")]
    [TestCase("stream-loses-a-byte", "VSC-1449")]
    [TestCase("stream-to-guest-loses-a-byte", "VSC-1450")]
    [TestCase("stream-to-guest-loses-a-byte", "VSC-1451")]
    [TestCase("stream-to-guest-loses-a-byte", "VSC-1452")]
    [TestCase("credit-charges-headers", "VSC-1453")]
    [TestCase("stream-to-guest-loses-a-byte", "VSC-1454")]
    [TestCase("credit-fwd-cnt-stands-still", "VSC-1455")]
    [TestCase("credit-never-resumes", "VSC-1456")]
    [TestCase("credit-ignores-shrinking", "VSC-1457")]
    [TestCase("credit-never-resumes", "VSC-1458")]
    [TestCase("credit-never-resumes", "VSC-1459")]
    [TestCase("credit-ignores-window", "VSC-1460")]
    [TestCase("message-pairs-are-merged", "VSC-1462")]
    [TestCase("message-ends-with-every-piece", "VSC-1463")]
    [TestCase("message-pieces-are-messages", "VSC-1464")]
    [TestCase("message-pairs-are-merged", "VSC-1465")]
    [TestCase("message-ends-with-every-piece", "VSC-1466")]
    [TestCase("message-ends-with-every-piece", "VSC-1467")]
    [TestCase("message-never-ends", "VSC-1468")]
    [TestCase("message-ends-with-every-piece", "VSC-1469")]
    [TestCase("message-never-ends", "VSC-1470")]
    [TestCase("message-ends-with-every-piece", "VSC-1471")]
    [TestCase("message-never-ends", "VSC-1472")]
    [TestCase("shutdown-half-close-is-close", "VSC-1473")]
    [TestCase("message-ends-with-every-piece", "VSC-1474")]
    [TestCase("stream-to-guest-loses-a-byte", "VSC-1486")]
    [TestCase("stream-to-guest-loses-a-byte", "VSC-1487")]
    [TestCase("stream-to-guest-loses-a-byte", "VSC-1488")]
    [TestCase("tuple-always-the-same", "VSC-1489")]
    [TestCase("stream-to-guest-loses-a-byte", "VSC-1490")]
    [TestCase("reset-of-device-keeps-flows", "VSC-1491")]
    [TestCase("config-big-endian", "VSC-1492")]
    [TestCase("tuple-used-once", "VSC-1493")]
    public void Mutant_OnTheWayOfAnApplication_IsCaught(string id, string by)
    {
        Mutant mutant = MutantCatalogue.Find(id)!;
        CaseRun run = All.Single(run => run.Case.Id == by);
        CaseResult result = GuestBench.Judge(Guests, Suspect.Of(mutant).Target(), [run], GuestBench.MutantPatience)[run];
        Assert.That(result.Verdict, Is.EqualTo(Verdict.Fail), $"{mutant.Summary} {result.Observed}");
    }
}
