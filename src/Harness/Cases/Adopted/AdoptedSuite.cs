using Vsockspec.Guests;
using Vsockspec.Rings;

namespace Vsockspec.Cases.Adopted;

/// <summary>The kernel's own tests as cases: each in both directions, in the order of the programs' lists.</summary>
public sealed class AdoptedSuite
{
    public const string Area = "linux-vsock-test";
    private const string Transport = "vhost-kernel";
    private const int MaxList = 1 << 20;
    private static readonly TimeSpan ListTime = TimeSpan.FromSeconds(60);
    private readonly Dictionary<string, AdoptedTest> _tests;

    private AdoptedSuite(VsockTests programs, IReadOnlyList<AdoptedTest> tests)
    {
        Programs = programs;
        _tests = tests.ToDictionary(t => t.Id, StringComparer.Ordinal);
        Runs = [.. tests.SelectMany(t => new[] { ClientSide.Guest, ClientSide.Host }.Select(side => ToRun(t, side)))];
    }

    public VsockTests Programs { get; }

    public IReadOnlyList<CaseRun> Runs { get; }

    /// <summary>Asks the programs which tests they have; they open no socket for that.</summary>
    /// <exception cref="KernelException">A program lists none: a suite that runs nothing would pass.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static AdoptedSuite Of(VsockTests programs, CancellationToken cancellation) => new(
        programs,
        [
            .. List(programs, VsockTests.Test, cancellation),
            .. List(programs, VsockTests.Diag, cancellation),

            // It has no --list and no --skip: its tests are one case.
            new AdoptedTest(VsockTests.Uring, null, 1, "io_uring, with MSG_ZEROCOPY and without"),
            new AdoptedTest(VsockTests.Perf, null, 1, "throughput of one stream"),
        ]);

    public AdoptedTest TestOf(CaseRun run) => _tests[run.Case.Id];

    public static ClientSide SideOf(CaseRun run) => run.Direction == NameOf(ClientSide.Guest) ? ClientSide.Guest : ClientSide.Host;

    private static IEnumerable<AdoptedTest> List(VsockTests programs, string program, CancellationToken cancellation)
    {
        if (!programs.Programs.TryGetValue(program, out string? path))
        {
            return [new AdoptedTest(program, null, 1, "all its tests")];
        }

        // Its exit code is 1 also when all is well.
        IReadOnlyList<string> names = TestListing.Parse(ToolBox.Run(path, ["--list"], null, MaxList, ListTime, cancellation).Text);
        return names.Count > 0
            ? names.Select((name, index) => new AdoptedTest(program, index, names.Count, name))
            : throw KernelException.OfMachine($"{path} --list: tells no tests, so there is nothing to run; remove its folder and run again");
    }

    private static CaseRun ToRun(AdoptedTest test, ClientSide side)
    {
        CaseInfo info = new(new CaseAttribute(test.Id) { Title = test.Title }, Area, test.Program, new CaseScript.OfDevice(_ => throw new InvalidOperationException($"{test.Id} is run by {nameof(AdoptedRunner)}")))
        {
            Transport = Transport,
        };
        return new CaseRun(info, new Variant(RingLayout.Split, false, false)) { Direction = NameOf(side) };
    }

    private static string NameOf(ClientSide side) => side == ClientSide.Guest ? "guest-client" : "host-client";
}
