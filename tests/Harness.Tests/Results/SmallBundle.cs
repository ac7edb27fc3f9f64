using Vsockspec.Audit;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Results;

/// <summary>A bundle in a temporary folder with one result of every kind, a trace with fixed times, and a register of a few rows.</summary>
internal sealed class SmallBundle : IDisposable
{
    private const string Rows = """
        requirements:
          - {id: VS-X-24, role: device, level: described, since: "1.1", clause: "5.10.6.3", label: "sec:Buffer Space", text: "A CREDIT_REQUEST is answered.", status: tested, listedInConformanceClause: false}
          - {id: VS-CRED-DEV-1, role: device, level: MUST, since: "1.1", clause: "5.10.6.3.2", label: "devicenormative:Buffer Space", text: "Send no more than fits.", status: tested, listedInConformanceClause: true}
          - {id: VQ-16, role: device, level: MUST, since: "1.0", clause: "2.7.8.2", label: "devicenormative:Used Ring", text: "The used length is what was written.", status: tested, listedInConformanceClause: true}
          - {id: VS-FEAT-DEV-1, role: device, level: SHOULD, since: "1.3", clause: "5.10.3.2", label: "devicenormative:Feature bits", text: "Offer NO_IMPLIED_STREAM.", status: tested, listedInConformanceClause: true}
          - {id: CF-01, role: device, level: MUST, since: "1.0", clause: "2.5.1", label: "devicenormative:Configuration", text: "Readable before FEATURES_OK.", status: tested, listedInConformanceClause: true}
          - {id: ST-03, role: device, level: MUST, since: "1.0", clause: "2.1.2", label: "devicenormative:Status", text: "NEEDS_RESET comes with a notification.", status: "untestable: a back-end has no status", listedInConformanceClause: true}
          - {id: ST-05, role: driver, level: MUST NOT, since: "1.0", clause: "2.1.1", label: "drivernormative:Status", text: "Clear no status bit.", status: tested, listedInConformanceClause: true}
          - {id: OP-01, role: device, level: MAY, since: "1.2", clause: "2.9", label: "sec:Optional", text: "Something optional.", status: "out-of-scope: nobody has it", listedInConformanceClause: false}
        situations:
          - {id: B-05, title: "REQUEST on an established tuple", class: open, specification: "nothing"}

        """;

    private const string FailedTrace = "traces/VSC-0102.packed.pcapng";
    private readonly string root = Directory.CreateTempSubdirectory("vs-").FullName;

    public SmallBundle()
    {
        string requirements = Path.Combine(root, "requirements");
        Directory.CreateDirectory(requirements);
        Directory.CreateDirectory(Path.Combine(Folder, Bundle.TracesFolder));
        File.WriteAllText(Path.Combine(requirements, "rows.yaml"), Rows);
        Register = RequirementRegister.Load(requirements);
        WriteTrace(Path.Combine(Folder, FailedTrace));
        Report = Build(
        [
            Sample.Passed, Sample.Passed with { Variant = "packed", Repetition = 1 }, Sample.Passed with { Variant = "packed", Repetition = 2, Verdict = Verdict.Fail, Trace = null },
            Sample.Failed with { Trace = FailedTrace }, Sample.Failed with { Variant = "packed", Trace = FailedTrace }, Sample.Failed with { Variant = "split", Verdict = Verdict.Pass, Findings = [], Observed = null },
            Sample.Probed, Sample.Loose, Sample.Unjudged,
            Sample.Failed with { Id = "VSC-0105", Verdict = Verdict.KnownFailure, Variant = "", Log = null, Findings = [], Observed = "5000 bytes; known failure: told (https://example.org/1)" },
        ]);
    }

    public RequirementRegister Register { get; }

    public string Folder => Path.Combine(root, "bundle");

    public RunReport Report { get; }

    public RunReport Build(IReadOnlyList<CaseResult> cases) => ReportBuilder.Build(
        Sample.Suite with { KillMatrix = new KillMatrixInfo(new string('d', 64), 306, 305) },
        Sample.Target with { OfferedFeatures = ["stream", "event_idx"], ProtocolFeatures = [], Claims = ["stream", "ring_packed"], Config = "0700000000000000", Digest = new string('c', 64) },
        Sample.Machine,
        Sample.Run with { State = RunState.Complete, DurationMs = 1234.5, Selected = cases.Count },
        [],
        cases,
        Register) with
    {
        Expectations = new ExpectationsInfo(
            new string('e', 64),
            [new ExpectationUse("VSC-0105", "credit-overrun", "told", "https://example.org/1", "somebody", new DateOnly(2030, 1, 1), false, new SortedDictionary<Verdict, int> { [Verdict.KnownFailure] = 1 })]),
    };

    /// <summary>REQUEST, RESPONSE, and a RW that is larger than the window of 4 bytes.</summary>
    public static void WriteTrace(string path, int packets = 3)
    {
        using FileStream file = File.Create(path);
        using PcapngWriter writer = new(file, "test");
        VsockHeader guest = new() { SrcCid = 3, DstCid = 2, SrcPort = 1024, DstPort = 1234, Type = SocketType.Stream, Op = Op.Request, BufAlloc = 4 };
        VsockHeader host = new() { SrcCid = 2, DstCid = 3, SrcPort = 1234, DstPort = 1024, Type = SocketType.Stream, Op = Op.Response, BufAlloc = 65536 };
        long time = 1_900_000_000_000_000_000;
        for (int i = 0; i < packets; i++)
        {
            VsockHeader header = i switch { 0 => guest, 1 => host, _ => host with { Op = Op.Rw, Len = 5 } };
            string chain = i == 0 ? "chain: tx 0, packed, 44r, used 0" : $"chain: rx {i}, packed, 4140w, used {VsockHeader.Size + header.Len}";
            string[] comments = i == 2 ? [chain, "violates VS-CRED-DEV-1: 5 bytes sent where 4 fit"] : [chain];
            byte[] packet = new byte[VsockHeader.Size + header.Len];
            header.Write(packet);
            writer.Write(time + (i * 1_500_000L), i == 0 ? PacketDirection.Outbound : PacketDirection.Inbound, packet, (uint)packet.Length, comments);
        }
    }

    public void Dispose() => Directory.Delete(root, recursive: true);
}
