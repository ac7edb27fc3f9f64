using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Results;

/// <summary>A small run with one result of every kind.</summary>
internal static class Sample
{
    public static readonly RequirementRegister Register = RequirementRegister.Load();

    public static readonly SuiteInfo Suite = new("vsockspec", "0.1.0", "c878dc3cdb0c0a4c5f2f6d4b1b0a1c2d3e4f5a6b", new string('a', 64), new string('b', 64));

    public static readonly TargetInfo Target = new() { Name = "sample", Role = "device", Transport = "vhost-user", Manifest = "reference", Claims = ["stream"] };

    public static readonly EnvironmentInfo Machine = new("Debian", "6.1.0", "x64", "A CPU", 2, 4096, ".NET 10");

    public static readonly TargetFacts Facts = new(VirtioFeatures.Stream | VirtioFeatures.Version1, 1 << 9, "0700000000000000");

    public static readonly RunInfo Run = new()
    {
        Id = "run-1",
        Seed = ulong.MaxValue,
        StartedAt = new DateTimeOffset(2030, 1, 2, 3, 4, 5, TimeSpan.Zero),
        Profile = "device-vhost-user",
        Selected = 5,
    };

    public static readonly CaseResult Passed = new()
    {
        Id = "VSC-0101",
        Title = "A CREDIT_REQUEST is answered",
        Area = "credit",
        Requirements = ["VS-X-24"],
        Level = RequirementLevel.Described,
        Variant = "split",
        Verdict = Verdict.Pass,
        DurationMs = 3.5,
        Seed = 42,
        Trace = "traces/VSC-0101-split.pcapng",
    };

    public static readonly CaseResult Failed = new()
    {
        Id = "VSC-0102",
        Title = "Data stays within the window <of 4 KiB>",
        Area = "credit",
        Requirements = ["VS-CRED-DEV-1"],
        Level = RequirementLevel.Must,
        Variant = "packed+event_idx",
        Verdict = Verdict.Fail,
        FailureCode = "credit-overrun",
        Termination = Termination.TargetExited,
        DurationMs = 12,
        Expected = "at most 4096 bytes",
        Observed = "5000 bytes | and \u0001 more",
        Log = "thread 'main' panicked\nsecond line",
        Findings = [new AuditFinding("VQ-16", 7, "used length 99 of a chain of 44 bytes")],
        Hints = [new RegressionHint("KB-X1", "The window wraps", ["CVE-2030-12345", "https://example.org/c/1"], [])],
    };

    public static readonly CaseResult Probed = new()
    {
        Id = "VSC-0901",
        Title = "A REQUEST on an established flow",
        Area = "probes",
        Requirements = ["B-05"],
        Level = RequirementLevel.May,
        Variant = "",
        Verdict = Verdict.Informational,
        Recorded = new SortedDictionary<string, string> { ["answer"] = "RST" },
    };

    public static readonly CaseResult Loose = Passed with
    {
        Id = "VSC-0103", Title = "NO_IMPLIED_STREAM is offered", Area = "features", Variant = "", Requirements = ["VS-FEAT-DEV-1"], Level = RequirementLevel.Should,
        Verdict = Verdict.NonStrict, Observed = "bit 2 is clear", Trace = null,
    };

    public static readonly CaseResult Unjudged = Passed with
    {
        Id = "VSC-0104", Title = "Suspends", Area = "features", Variant = "", Requirements = ["CF-01"], Level = RequirementLevel.Must,
        Verdict = Verdict.Inconclusive, Observed = "no answer within 5000 ms", Trace = null,
    };

    public static IReadOnlyList<CaseResult> All => [Passed, Failed, Probed, Loose, Unjudged];

    public static Certificate Certificate => new()
    {
        Schema = Certificate.SchemaId,
        Verdict = CertificateVerdict.NotCertified,
        Statement = "sample is not certified: 1 reason.",
        Reasons = [new CertificateReason("failed", "VSC-0102[packed+event_idx]", "VSC-0102[packed+event_idx]: credit-overrun")],
        Notes = ["the program is not known"],
        Suite = Suite,
        Target = new CertifiedTarget("sample", null, "device", "vhost-user", null, null, [new ClaimedFeature("stream", true, true)]),
        Profiles = ["device-vhost-user"],
        Repetitions = 3,
        RunId = "run-1",
        IssuedAt = new DateTimeOffset(2030, 1, 2, 3, 5, 0, TimeSpan.Zero),
        ValidUntil = new DateTimeOffset(2031, 1, 2, 3, 5, 0, TimeSpan.Zero),
        Cases = new CertificateCounts(4, new SortedDictionary<Verdict, int> { [Verdict.Pass] = 3, [Verdict.Fail] = 1 }, 1),
        Skipped = [new SkippedCases(Verdict.NotSupported, "RingPacked is not offered", ["VSC-0101[packed]"])],
    };

    public static BundleWriter Begin(string folder) => BundleWriter.Create(folder, Suite, Target, Machine, Run, Register);

    public static RunReport Report() => ReportBuilder.Build(Suite, Target, Machine, Run with { State = RunState.Complete, DurationMs = 1234.5 }, [], All, Register);
}
