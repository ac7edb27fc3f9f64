using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Conformance.Mutation;
using Vsockspec.Guests;
using Vsockspec.Reference.Mutants;
using Vsockspec.Targets;

namespace Vsockspec.Conformance;

/// <summary>
/// The cases that need a newer guest than user-mode Linux, whose kernel is 6.1, against the reference device: Debian's 6.12 in QEMU, by translation on every
/// machine. Where a tool or the kernel is missing: an error in CI, a skip with the reason elsewhere.
/// </summary>
[TestFixture]
[NonParallelizable]
public sealed class NewKernelFixture
{
    private const string Kernel = "debian:6.12";

    /// <summary>SIOCINQ on vsock came with Linux 6.17: no kernel of Debian 12 can play these.</summary>
    private static readonly string[] NeedNewerStill = ["VSC-1477", "VSC-1478"];

    private static readonly string[] Ids =
    [
        "VSC-1461", "VSC-1475", "VSC-1476", .. NeedNewerStill, "VSC-1479", "VSC-1480", "VSC-1481", "VSC-1482", "VSC-1483", "VSC-1484", "VSC-1485",

        // In QEMU the connection to the device outlives the kernel; in user-mode Linux, where the case runs too, it does not.
        "VSC-1493",
    ];

    private static readonly CaseRun[] All = GuestBench.Runs(run => Ids.Contains(run.Case.Id));
    private static readonly QemuGuests Guests = new(
        KernelStore.OfThisUser, Kernel, new QemuOptions { Accelerator = GuestAccelerator.Tcg, BootLimit = TimeSpan.FromMinutes(2) }, TestContext.Progress.WriteLine);

    private GuestJudgement judged = new();

    public static IEnumerable<TestCaseData> Runs() => GuestBench.Tests(All);

    [OneTimeSetUp]
    public void RunAll()
    {
        GuestBench.Require(GuestBench.Missing("qemu-system-x86_64", "clang", "ld.lld"));
        GuestBench.Require(KernelStore.OfThisUser().Find(Kernel) is null ? $"{Kernel} is not cached; fetch it: vsockspec guest fetch {Kernel}" : null);
        judged = GuestBench.Judge(Guests, BuiltInTargets.Find(BuiltInTargets.Default, SuiteData.Folder).ToTarget(), All, TimeSpan.FromSeconds(5));
    }

    [TestCaseSource(nameof(Runs))]
    public void Case(CaseRun run)
    {
        CaseResult result = judged[run];
        if (result.Verdict == Verdict.NotApplicable && NeedNewerStill.Contains(run.Case.Id))
        {
            Assert.Ignore(result.Observed ?? "not applicable");
        }

        Assert.That(result.Verdict, Is.AnyOf(Verdict.Pass, Verdict.Informational), $"{result.FailureCode}: expected {result.Expected}; observed {result.Observed}\n{result.Log}");
    }

    /// <summary>See <see cref="SocketFixture.Driver_OfLinux_IsAccusedOfNothing"/>.</summary>
    [Test]
    public void Driver_OfLinux_IsAccusedOfNothing() => Assert.That(judged.DriverFindings, Is.Empty);

    /// <summary>Mutants of the reference device that applications notice, and how they do: what the auditor alone finds on the rings is no proof for a case.</summary>
    [TestCase("stream-to-guest-flips-a-bit", "VSC-1461", "wrong-data")]
    [TestCase("ring-data-chain-kept", "VSC-1475", "sent-bytes-not-returned")]
    [TestCase("ring-data-chain-kept", "VSC-1476", "sent-bytes-not-returned")]
    [TestCase("ring-two-buffers-at-most", "VSC-1479", "host-data-missing")]
    [TestCase("message-pieces-are-messages", "VSC-1480", "wrong-data")]
    [TestCase("stream-to-guest-flips-a-bit", "VSC-1481", "wrong-data")]
    [TestCase("stream-to-guest-flips-a-bit", "VSC-1482", "wrong-data")]
    [TestCase("stream-repeats-a-packet", "VSC-1483", "wrong-data")]
    [TestCase("stream-small-after-large-loses-a-byte", "VSC-1484", "host-data-missing")]
    [TestCase("ring-data-chain-kept", "VSC-1484", "buffers-not-returned")]
    [TestCase("credit-fwd-cnt-stands-still", "VSC-1485", "host-data-missing")]
    [TestCase("reset-ignored", "VSC-1493", "connection-survives-guest")]
    public void Mutant_OnTheWayOfAnApplication_IsCaught(string id, string by, string code)
    {
        Mutant mutant = MutantCatalogue.Find(id)!;
        CaseRun run = All.Single(run => run.Case.Id == by);
        CaseResult result = GuestBench.Judge(Guests, Suspect.Of(mutant).Target(), [run], GuestBench.MutantPatience)[run];
        Assert.That((result.Verdict, result.FailureCode), Is.EqualTo((Verdict.Fail, code)), $"{mutant.Summary} {result.Observed}");
    }
}
