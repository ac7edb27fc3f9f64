using System.Text.RegularExpressions;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Reference.Driver;
using Vsockspec.Reference.Driver.Mutants;
using Vsockspec.Reference.Mutants;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

[TestFixture]
internal sealed partial class DriverMutantTests
{
    private static IReadOnlyList<DriverMutant> All => DriverMutantCatalogue.All;

    [Test]
    public void Catalogue_IsWellFormed()
    {
        HashSet<string> requirements = Requirements();
        Assert.Multiple(() =>
        {
            Assert.That(All.Select(m => m.Id).Concat(MutantCatalogue.All.Select(m => m.Id)), Is.Unique);
            Assert.That(All, Has.Count.GreaterThanOrEqualTo(45));
            foreach (DriverMutant mutant in All)
            {
                Assert.That(mutant.Id, Does.Match("^driver(-[a-z0-9]+)+$"));
                Assert.That(requirements, Does.Contain(mutant.Breaks), mutant.Id);
                Assert.That(mutant.Summary, Does.EndWith("."), mutant.Id);
                Assert.That(ChangedParts(mutant), Is.EqualTo(1), mutant.Id);
                Assert.That(DriverMutantCatalogue.Find(mutant.Id), Is.SameAs(mutant));
            }
        });
    }

    /// <summary>A mutant is wrong in one point; it is not a driver that falls over by itself.</summary>
    [TestCaseSource(nameof(All))]
    public void Mutant_InUse_HasNoFaultOfItsOwn(DriverMutant mutant)
    {
        foreach (VirtioFeatures layout in (VirtioFeatures[])[VirtioFeatures.EventIdx | VirtioFeatures.IndirectDesc, VirtioFeatures.RingPacked])
        {
            using ScriptedBench bench = new(layout, mutant.Parts(), waits: false);
            bench.Timeline.Patience = TimeSpan.FromMilliseconds(100);
            try
            {
                if (bench.Timeline.WaitUntil(TimeSpan.FromSeconds(2), () => bench.Device.IsUp || bench.Agent.Hello.IsCompleted) && bench.Device.IsUp)
                {
                    Use(bench);
                }
            }
            catch (Exception e) when (e is ExpectationException or GuestException or GuestCallException)
            {
                // What a device makes of a broken driver is not the question here.
            }

            Assert.That(bench.Driver.Fault, Is.Null);
        }
    }

    private static void Use(ScriptedBench bench)
    {
        int listener = bench.Listen(80);
        Flow flow = bench.Device.NewFlow(9, 80);
        flow.Send(Op.Request);
        bench.Timeline.WaitUntil(() => flow.TryTake([Op.Response], out _));
        int fd = bench.Await(bench.Agent.Accept(listener, new CallLimit(TimeSpan.FromMilliseconds(100)))).Result.OrThrow("accept");
        for (int i = 0; i < 150; i++)
        {
            flow.Send(Op.Rw, new byte[10]);
            flow.Send(Op.CreditRequest);
        }

        Task<GuestTransfer> sending = bench.Agent.BulkSend(fd, 1, 10_000, 1000, limit: new CallLimit(TimeSpan.FromMilliseconds(100)));
        _ = bench.Await(bench.Agent.Receive(fd, 1000, 0x40));
        bench.Device.SendEvent(VsockEvent.TransportReset);
        flow.SendShutdown(ShutdownFlags.Both);
        bench.Device.Fence();
        _ = bench.Await(sending);
    }

    private static int ChangedParts(DriverMutant mutant)
    {
        DriverParts legal = new();
        DriverParts changed = mutant.Parts();
        return typeof(DriverParts).GetProperties().Count(p => (p.GetValue(legal), p.GetValue(changed)) switch
        {
            (Delegate a, Delegate b) => a.Method != b.Method,
            (object a, object b) => a.GetType() != b.GetType(),
            _ => true,
        });
    }

    private static HashSet<string> Requirements()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Conformance.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        string register = string.Concat(Directory.GetFiles(Path.Combine(folder!, "suites", "requirements"), "*.yaml").Select(File.ReadAllText));
        return [.. RequirementId().Matches(register).Select(m => m.Groups[1].Value)];
    }

    [GeneratedRegex("""^\s*- id: ["']?([A-Z]+(?:-[A-Z0-9]+)+)""", RegexOptions.Multiline)]
    private static partial Regex RequirementId();
}
