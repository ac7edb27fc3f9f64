using System.Text;
using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Harness.Tests.Results;

namespace Vsockspec.Harness.Tests.Guests;

public sealed class KernelReportTests
{
    private static readonly string[] Warning =
    [
        "------------[ cut here ]------------",
        "WARNING: CPU: 1 PID: 812 at net/vmw_vsock/virtio_transport_common.c:390 virtio_transport_send_pkt_info+0x1a2/0x1f0 [vmw_vsock_virtio_transport_common]",
        "Modules linked in: vhost_vsock vhost vhost_iotlb",
        "CPU: 1 PID: 812 Comm: vhost-790 Not tainted 6.1.0-56-cloud-amd64 #1",
        "Call Trace:",
        " <TASK>",
        " vhost_vsock_handle_tx_kick+0x2b1/0x3d0 [vhost_vsock]",
        " </TASK>",
        "---[ end trace 0000000000000000 ]---",
    ];

    [Test]
    public void Warning_WithEndMark_IsOneReportWithItsHeadline()
    {
        KernelReport report = Read(["vhost: hello", .. Warning, "something else"]).Single();

        Assert.That(report.Kind, Is.EqualTo(KernelReportKind.Warning));
        Assert.That(report.Headline, Does.StartWith("WARNING: CPU: 1 PID: 812 at net/vmw_vsock/"));
        Assert.That(report.Text, Is.EqualTo(string.Join('\n', Warning)));
        Assert.That(report.Counts);
    }

    [TestCase("BUG: kernel NULL pointer dereference, address: 0000000000000010", KernelReportKind.Bug)]
    [TestCase("BUG: unable to handle page fault for address: ffffa3b4c0d1e2f3", KernelReportKind.Bug)]
    [TestCase("kernel BUG at drivers/vhost/vhost.c:2541!", KernelReportKind.Bug)]
    [TestCase("Oops: general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] PREEMPT SMP NOPTI", KernelReportKind.Bug)]
    [TestCase("general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] PREEMPT SMP NOPTI", KernelReportKind.Bug)]
    [TestCase("BUG: scheduling while atomic: vhost-790/812/0x00000002", KernelReportKind.Bug)]
    [TestCase("BUG: sleeping function called from invalid context at mm/page_alloc.c:5157", KernelReportKind.Bug)]
    [TestCase("list_del corruption. prev->next should be ffff8881, but was ffff8882", KernelReportKind.Bug)]
    [TestCase("BUG: KASAN: slab-use-after-free in vhost_vsock_handle_tx_kick+0x10/0x20 [vhost_vsock]", KernelReportKind.Sanitizer)]
    [TestCase("BUG: KFENCE: use-after-free read in virtio_transport_free_pkt+0x1/0x2", KernelReportKind.Sanitizer)]
    [TestCase("UBSAN: array-index-out-of-bounds in drivers/vhost/vsock.c:100:3", KernelReportKind.Sanitizer)]
    [TestCase("WARNING: possible circular locking dependency detected", KernelReportKind.Lockdep)]
    [TestCase("WARNING: inconsistent lock state", KernelReportKind.Lockdep)]
    [TestCase("WARNING: suspicious RCU usage", KernelReportKind.Lockdep)]
    [TestCase("INFO: task vhost-790:812 blocked for more than 120 seconds.", KernelReportKind.HungTask)]
    [TestCase("watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [vhost-790:812]", KernelReportKind.Stall)]
    [TestCase("rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", KernelReportKind.Stall)]
    public void Headline_OfEachKind_IsKnown(string line, KernelReportKind kind)
    {
        KernelReport report = Read([line, "CPU: 1 PID: 812 Comm: vhost-790"]).Single();

        Assert.That(report.Kind, Is.EqualTo(kind));
        Assert.That(report.Headline, Is.EqualTo(line));
    }

    [TestCase("virtio_net: probe of virtio0 WARNING: nothing")]
    [TestCase("kvm_amd: Nested Virtualization enabled")]
    [TestCase("random: crng init done")]
    [TestCase("clocksource: timekeeping watchdog on CPU1: Marking clocksource 'tsc' as unstable because the skew is too large")]
    [TestCase("------------[ cut here ]------------")]
    [TestCase("======================================================")]
    [TestCase("")]
    public void Line_ThatIsNoHeadline_IsNoReport(string line) => Assert.That(Read([line]), Is.Empty);

    [Test]
    public void Lockdep_SeparatedByRules_IsOneReport()
    {
        KernelReport report = Read(
        [
            "======================================================",
            "WARNING: possible circular locking dependency detected",
            "6.12.0 Not tainted",
            "------------------------------------------------------",
            "vhost-790/812 is trying to acquire lock:",
        ]).Single();

        Assert.That(report.Text.Split('\n'), Has.Length.EqualTo(4));
    }

    [Test]
    public void Oops_WithSeveralHeadlines_IsOneReport() => Assert.That(
        Read(
        [
            "BUG: kernel NULL pointer dereference, address: 0000000000000010",
            "#PF: supervisor read access in kernel mode",
            "Oops: Oops: 0000 [#1] PREEMPT SMP NOPTI",
            "---[ end trace 0000000000000000 ]---",
        ]),
        Has.Count.EqualTo(1));

    [Test]
    public void Reports_OneAfterTheOther_AreSeparate()
    {
        IReadOnlyList<KernelReport> reports = Read([.. Warning, .. Warning[..4], "INFO: task a:1 blocked for more than 120 seconds.", " stack"]);

        Assert.That(reports.Select(r => r.Kind), Is.EqualTo(new[] { KernelReportKind.Warning, KernelReportKind.Warning, KernelReportKind.HungTask }));
    }

    [TestCase("rcu: INFO: rcu_preempt self-detected stall on CPU", " native_safe_halt+0x5/0x10", false)]
    [TestCase("rcu: INFO: rcu_preempt self-detected stall on CPU", " vhost_vsock_handle_tx_kick+0x5/0x10 [vhost_vsock]", true)]
    [TestCase("INFO: task foo:1 blocked for more than 120 seconds.", " schedule+0x5/0x10", true)]
    public void Stall_WithoutVsockInItsStack_MayBeTheHostsAndDoesNotCount(string headline, string stack, bool counts) =>
        Assert.That(Read([headline, stack]).Single().Counts, Is.EqualTo(counts));

    [Test]
    public void Kernel_ThatSaysMoreThanItMay_IsBounded()
    {
        KernelReportReader reader = new();
        for (int i = 0; i < 10_000; i++)
        {
            reader.Add("WARNING: " + new string('x', 5000));
            reader.Add("BUG: \u001b[31m\0" + new string('y', 5000));
        }

        IReadOnlyList<KernelReport> reports = reader.Take();
        Assert.That(reports, Has.Count.LessThanOrEqualTo(20));
        Assert.That(reports.Max(r => r.Text.Length), Is.LessThanOrEqualTo(16 << 10));
        Assert.That(reports.Any(r => r.Text.Contains('\u001b')), Is.False);
    }

    [Test]
    public void Report_ThatNeverEnds_EndsByItsLength()
    {
        KernelReportReader reader = new();
        reader.Add("WARNING: CPU: 0 PID: 1 at a.c:1");
        for (int i = 0; i < 1000; i++)
        {
            reader.Add(" f+0x1/0x2");
        }

        Assert.That(reader.IsOpen, Is.False);
        Assert.That(reader.Take().Single().Text.Split('\n'), Has.Length.EqualTo(200));
    }

    [TestCase("4,1234,5678901,-;WARNING: CPU: 1\n SUBSYSTEM=pci\n DEVICE=+pci:0000:00:01.0\n", "WARNING: CPU: 1")]
    [TestCase("6,1235,5678902,c;continued", "continued")]
    [TestCase("4,1236,5678903,-,caller=T812;x;y", "x;y")]
    [TestCase("4,1237,5678904,-;", "")]
    [TestCase("12,1238,5678905,-;WARNING: from user space", null)]
    [TestCase("x,1,2,-;text", null)]
    [TestCase("4;text", null)]
    [TestCase(",;", null)]
    [TestCase("", null)]
    [TestCase("99999999999999,1,2,-;text", null)]
    public void Record_OfTheLog_GivesTheKernelsMessage(string record, string? message) =>
        Assert.That(KernelLog.MessageOf(Encoding.UTF8.GetBytes(record)), Is.EqualTo(message));

    [Test]
    public void Witness_ReportDuringACase_FailsIt()
    {
        ScriptedLog log = new([[], [new KernelReport(KernelReportKind.Warning, "WARNING: x", "WARNING: x\n stack")]]);
        using KernelWitness witness = new(log);
        witness.CaseBegins();
        CaseResult result = witness.Judge(Sample.Passed);

        Assert.That(result.Verdict, Is.EqualTo(Verdict.Fail));
        Assert.That(result.FailureCode, Is.EqualTo("kernel-report"));
        Assert.That(result.Observed, Is.EqualTo("the kernel reported: WARNING: x"));
        Assert.That(result.Log, Is.EqualTo("WARNING: x\n stack"));
    }

    [Test]
    public void Witness_ReportBetweenCases_IsNotLost()
    {
        using KernelWitness witness = new(new ScriptedLog([[new KernelReport(KernelReportKind.Bug, "BUG: y", "BUG: y")], []]));
        witness.CaseBegins();

        Assert.That(witness.Judge(Sample.Passed).Observed, Is.EqualTo("the kernel reported (after the case before this one): BUG: y"));
    }

    [Test]
    public void Witness_NothingThatCounts_LeavesTheResultAlone()
    {
        using KernelWitness witness = new(new ScriptedLog([[], [new KernelReport(KernelReportKind.Stall, "rcu: INFO: stall", "rcu: INFO: stall")]]));
        witness.CaseBegins();
        CaseResult result = Sample.Passed;

        Assert.That(witness.Judge(result), Is.EqualTo(result));
    }

    private static IReadOnlyList<KernelReport> Read(IEnumerable<string> lines)
    {
        KernelReportReader reader = new();
        foreach (string line in lines)
        {
            reader.Add(line);
        }

        return reader.Take();
    }

    private sealed class ScriptedLog(IReadOnlyList<KernelReport>[] script) : IKernelLog
    {
        private int _next;

        public IReadOnlyList<KernelReport> Take() => script[_next++];

        public void Dispose()
        {
            // Nothing is open.
        }
    }
}
