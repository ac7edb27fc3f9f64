using NUnit.Framework;
using Vsockspec.Perf.Plans;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Tests.Plans;

[TestFixture]
public sealed class PerfPlanTests
{
    [Test]
    public void Plans_OfTheSuite_AreWhole([ValueSource(nameof(Names))] string name)
    {
        PerfPlan plan = PerfPlan.Find(name, SuiteData.Folder);
        Assert.That(plan.Name, Is.EqualTo(name));
        Assert.That(plan.Workloads, Is.Not.Empty);
        Assert.That(plan.Digest, Has.Length.EqualTo(64));
    }

    [Test]
    public void Smoke_ByDefault_HasTheFiguresThatHistoriesHave()
    {
        string[] names = [.. PerfPlan.Find(PerfPlan.Default, SuiteData.Folder).Workloads.Select(w => w.Name)];
        Assert.That(names, Is.SupersetOf((string[])[
            "stream/guest-to-host/throughput/64", "stream/guest-to-host/throughput/4096", "stream/guest-to-host/throughput/65536",
            "stream/host-to-guest/throughput/64", "stream/host-to-guest/throughput/4096", "stream/host-to-guest/throughput/65536",
            "stream/round-trip/p50/64",
        ]));
    }

    [Test]
    public void Lists_OfAWorkload_MultiplyOut()
    {
        PerfPlan plan = Load("{workload: throughput, directions: [both-ways], sizes: [64, 65536], flows: [1, 8], windows: [65536, 1048576], queues: [128], event-idx: [off]}");
        Assert.That(plan.Workloads.Select(w => w.Name), Is.EqualTo((string[])[
            "stream/both-ways/throughput/64-window65536-queue128-no-event-idx",
            "stream/both-ways/throughput/65536-window65536-queue128-no-event-idx",
            "stream/both-ways/throughput/64-queue128-no-event-idx",
            "stream/both-ways/throughput/65536-queue128-no-event-idx",
            "stream/both-ways/throughput/64-flows8-window65536-queue128-no-event-idx",
            "stream/both-ways/throughput/65536-flows8-window65536-queue128-no-event-idx",
            "stream/both-ways/throughput/64-flows8-queue128-no-event-idx",
            "stream/both-ways/throughput/65536-flows8-queue128-no-event-idx",
        ]));
        Assert.That(plan.Workloads[0].Dimensions, Is.EquivalentTo(new Dictionary<string, string>
        {
            ["socket"] = "stream", ["direction"] = "both-ways", ["size"] = "64", ["flows"] = "1", ["window"] = "65536", ["queue"] = "128", ["event-idx"] = "off",
        }));
    }

    [TestCase("{workload: throuhgput, sizes: [64]}", "5: field 'workloads[0].workload' is 'throuhgput' (did you mean 'throughput'?); known are: ")]
    [TestCase("{workload: throughput}", "field 'workloads[0].sizes' is missing; give a list of bytes of a message")]
    [TestCase("{workload: throughput, sizes: []}", "field 'workloads[0].sizes' is empty; give a list of bytes of a message")]
    [TestCase("{workload: throughput, sizes: [64, 64]}", "field 'workloads[0].sizes' has '64' twice; write each value once")]
    [TestCase("{workload: throughput, sizes: [8]}", "field 'workloads[0].sizes' has '8'; write bytes of a message as whole numbers from 16 to 262144")]
    [TestCase("{workload: throughput, sizes: [1048576]}", "field 'workloads[0].sizes' has '1048576'; write bytes of a message as whole numbers from 16 to 262144")]
    [TestCase("{workload: throughput, sizes: [-64]}", "field 'workloads[0].sizes' has '-64'; write bytes of a message as whole numbers from 16 to 262144")]
    [TestCase("{workload: throughput, sizes: [4k]}", "field 'workloads[0].sizes' has '4k'; write bytes of a message as whole numbers from 16 to 262144")]
    [TestCase("{workload: throughput, sizes: [100]}", "field 'workloads[0].sizes' has 100; write bytes of a message as powers of two, 64 or 128 in its place")]
    [TestCase("{workload: throughput, sizes: 64}", "field 'workloads[0].sizes' must be a list: [a, b]")]
    [TestCase("{workload: throughput, sizes: [64], directions: [up]}", "field 'workloads[0].directions' has 'up'; known are: guest-to-host, host-to-guest, both-ways")]
    [TestCase("{workload: throughput, sizes: [64], socket: dgram}", "field 'workloads[0].socket' is 'dgram'; write stream or seqpacket")]
    [TestCase("{workload: throughput, sizes: [64], flows: [0]}", "field 'workloads[0].flows' has '0'; write connections as whole numbers from 1 to 1000")]
    [TestCase("{workload: throughput, sizes: [64], flows: [100000]}", "field 'workloads[0].flows' has '100000'; write connections as whole numbers from 1 to 1000")]
    [TestCase("{workload: throughput, sizes: [64], windows: [1024]}", "field 'workloads[0].windows' has '1024'; write bytes of a window as whole numbers from 65536 to 67108864")]
    [TestCase("{workload: throughput, sizes: [64], queues: [100]}", "field 'workloads[0].queues' has 100; write entries of a queue as powers of two, 64 or 128 in its place")]
    [TestCase("{workload: throughput, sizes: [64], queues: [65536]}", "field 'workloads[0].queues' has '65536'; write entries of a queue as whole numbers from 16 to 4096")]
    [TestCase("{workload: throughput, sizes: [64], event-idx: [maybe]}", "field 'workloads[0].event-idx' has 'maybe'; known are: true, false, on, off")]
    [TestCase("{workload: guest-throughput, sizes: [64], directions: [both-ways]}", "field 'workloads[0].directions' has 'both-ways'; known are: guest-to-host, host-to-guest")]
    [TestCase("{workload: guest-throughput, sizes: [524288]}", "field 'workloads[0].sizes' has '524288'")]
    [TestCase("{workload: guest-round-trip, sizes: [131072]}", "field 'workloads[0].sizes' has '131072'")]
    [TestCase("{workload: guest-connect, sizes: [64]}", "unknown field 'workloads[0].sizes'; known are: workload")]
    [TestCase("{workload: throughput, sizes: [64], speed: 9}", "unknown field 'workloads[0].speed'; known are: workload, directions, sizes, socket, flows, windows, queues, event-idx")]
    [TestCase("{workload: throughput, socket: seqpacket, sizes: [262144]}", "field 'workloads[0].sizes' has 262144; a Unix seqpacket socket takes messages of at most 131072 bytes, leave larger ones to streams")]
    [TestCase("{workload: throughput, socket: seqpacket, sizes: [131072], windows: [65536]}", "field 'workloads[0].sizes' has 131072; a message that is larger than the window of 65536 never arrives, take a larger one in 'windows'")]
    [TestCase("{workload: round-trip, sizes: [131072]}", "field 'workloads[0].sizes' has '131072'; write bytes of a message as whole numbers from 16 to 65536")]
    [TestCase("{workload: round-trip, sizes: [64], times: 1}", "field 'workloads[0].times' is '1'; write a whole number from 100 to 10000000")]
    public void Workload_WithWhatCannotBe_NamesLineFieldAndRemedy(string workload, string expected) =>
        Assert.That(() => Load(workload), Throws.TypeOf<DataFileException>().With.Message.Contains(expected).And.Message.Contains("plan.yaml:5"));

    [TestCase("repeats: 0", "plan.yaml:1: field 'repeats' is '0'; write a whole number from 1 to 1000")]
    [TestCase("seconds-per-transfer: 0", "plan.yaml:1: field 'seconds-per-transfer' is '0'; write seconds from 0.01 to 60")]
    [TestCase("seconds-per-transfer: -1", "plan.yaml:1: field 'seconds-per-transfer' is '-1'; write seconds from 0.01 to 60")]
    [TestCase("seconds-per-transfer: NaN", "plan.yaml:1: field 'seconds-per-transfer' is 'NaN'; write seconds from 0.01 to 60")]
    [TestCase("sizes: [64]", "plan.yaml:1: unknown field 'sizes'")]
    public void Plan_WithWhatCannotBe_NamesLineFieldAndRemedy(string line, string expected) => Assert.That(
        () => LoadText($"{line}\nname: x\ndescription: y\nworkloads:\n  - {{workload: throughput, sizes: [64]}}\n"),
        Throws.TypeOf<DataFileException>().With.Message.Contains(expected));

    [Test]
    public void Plan_WithoutWorkloads_SaysSo()
    {
        Assert.That(() => LoadText("name: x\ndescription: y\nworkloads: []\n"), Throws.TypeOf<DataFileException>().With.Message.Contains("field 'workloads' is empty; name what to measure"));
        Assert.That(() => LoadText("name: x\ndescription: y\n"), Throws.TypeOf<DataFileException>().With.Message.Contains("field 'workloads' is missing"));
    }

    [Test]
    public void Plan_WithAWorkloadTwice_NamesIt() => Assert.That(
        () => Load("{workload: throughput, sizes: [64]}\n  - {workload: throughput, sizes: [64], directions: [host-to-guest]}"),
        Throws.TypeOf<DataFileException>().With.Message.Contains("plan.yaml:6: field 'workloads[1].workload' brings stream/host-to-guest/throughput/64, which the plan has already"));

    [Test]
    public void Plan_ThatMultipliesOutTooFar_SaysSo() => Assert.That(
        () => Load($"{{workload: throughput, sizes: [64, 128], flows: [{string.Join(", ", Enumerable.Range(1, 600))}], event-idx: [on, off]}}"),
        Throws.TypeOf<DataFileException>().With.Message.Contains("multiplies out to more than 2000 in all"));

    [Test]
    public void Find_OfNoPlan_NamesThoseThereAre()
    {
        Assert.That(() => PerfPlan.Find("smke", SuiteData.Folder), Throws.TypeOf<DataFileException>().With.Message.Contains("unknown plan 'smke' (did you mean 'smoke'?); known are: full, guest, nightly, smoke, or give the path of a file"));
        Assert.That(() => PerfPlan.Find("nowhere/plan.yaml", SuiteData.Folder), Throws.TypeOf<DataFileException>().With.Message.Contains("nowhere/plan.yaml: no such file"));
    }

    private static IEnumerable<string> Names() => PerfPlan.Names(SuiteData.Folder);

    private static PerfPlan Load(string workload) => LoadText($"name: x\ndescription: y\nrepeats: 1\nworkloads:\n  - {workload}\n");

    private static PerfPlan LoadText(string text)
    {
        using InstanceFolder folder = InstanceFolder.Create();
        string file = Path.Combine(folder.Path, "plan.yaml");
        File.WriteAllText(file, text);
        return PerfPlan.Load(file);
    }
}
