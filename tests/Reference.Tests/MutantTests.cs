using System.Text.RegularExpressions;
using NUnit.Framework;
using Vsockspec.Reference.Mutants;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

[TestFixture]
internal sealed partial class MutantTests
{
    private static IReadOnlyList<Mutant> All => MutantCatalogue.All;

    [Test]
    public void Catalogue_IsWellFormed()
    {
        string register = string.Concat(Directory.GetFiles(Path.Combine(Root(), "suites", "requirements"), "*.yaml").Select(File.ReadAllText));
        HashSet<string> requirements = [.. RequirementId().Matches(register).Select(m => m.Groups[1].Value)];
        Assert.Multiple(() =>
        {
            Assert.That(All.Select(m => m.Id), Is.Unique);
            Assert.That(All, Has.Count.GreaterThanOrEqualTo(60));
            foreach (Mutant mutant in All)
            {
                Assert.That(mutant.Id, Does.Match("^[a-z0-9]+(-[a-z0-9]+)+$"));
                Assert.That(requirements, Does.Contain(mutant.Breaks), mutant.Id);
                Assert.That(mutant.Summary, Does.EndWith("."), mutant.Id);
                Assert.That(ChangedParts(mutant), Is.EqualTo(1), mutant.Id);
            }
        });
    }

    /// <summary>A mutant is wrong in one point; it is not a device that crashes or hangs.</summary>
    [TestCaseSource(nameof(All))]
    public void Mutant_InUse_StaysAlive(Mutant mutant)
    {
        using Bench bench = new(o => o with { BufferBytes = 16 * 1024 }, mutant.Parts());
        using System.Net.Sockets.Socket listener = bench.Listen(80);
        VirtioFeatures[] layouts = [VirtioFeatures.EventIdx | VirtioFeatures.IndirectDesc, VirtioFeatures.RingPacked];
        foreach (VirtioFeatures layout in layouts)
        {
            try
            {
                using Guest guest = bench.Guest(new GuestOptions
                {
                    Features = VirtioFeatures.Version1 | VirtioFeatures.Seqpacket | layout,
                    Deadline = TimeSpan.FromMilliseconds(200),
                    Strict = false,
                });
                GuestFlow flow = new(guest, 1024, 80);
                flow.Send(Op.Request);
                for (int i = 0; i < 20; i++)
                {
                    flow.SendData(new byte[1000]);
                    flow.Send(Op.CreditRequest);
                    guest.TryNext();
                }

                using System.Net.Sockets.Socket dialled = bench.Dial();
                Bench.Say(dialled, "CONNECT 1\n");
                flow.Send(Op.Shutdown, (uint)ShutdownFlags.Both);
                flow.Send(Op.Rst);
                guest.Send(flow.Header(Op.Request) with { Type = 0 });
            }
            catch (Exception e) when (e is TransportException or TimeoutException or KeyNotFoundException)
            {
                // What a guest makes of a broken device is not the question here.
            }
        }
    }

    private static int ChangedParts(Mutant mutant)
    {
        DeviceParts legal = new();
        DeviceParts changed = mutant.Parts();
        return typeof(DeviceParts).GetProperties().Count(p => (p.GetValue(legal), p.GetValue(changed)) switch
        {
            (Delegate a, Delegate b) => a.Method != b.Method,
            (object a, object b) => a.GetType() != b.GetType(),
            _ => true,
        });
    }

    private static string Root()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Conformance.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new DirectoryNotFoundException("Conformance.sln is above the tests");
    }

    [GeneratedRegex("""^\s*- id: ["']?([A-Z]+(?:-[A-Z0-9]+)+)""", RegexOptions.Multiline)]
    private static partial Regex RequirementId();
}
