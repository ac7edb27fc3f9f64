using System.Text.Json.Nodes;
using NUnit.Framework;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Tests.Runs;

/// <summary>A report comes from a disk that anybody may have written to.</summary>
[TestFixture]
public sealed class PerfJsonTests
{
    private static readonly Figure Rate = new("stream/guest-to-host/throughput", "64", "MiB/s", Better.Higher, FigureRole.Gate);

    private static readonly PerfReport Whole = new(
        PerfReport.CurrentSchema,
        new MeasuredTarget("t", null, null),
        new MeasuredPlan("p", new string('0', 64), 1),
        DateTimeOffset.UnixEpoch,
        1,
        new Dictionary<string, string>(),
        new Conditions([]),
        [new MachineLimit("memcpy", "MiB/s", Better.Higher, [1])],
        [new WorkloadResult("throughput", new Dictionary<string, string>(), WorkloadOutcome.Measured, null, [new Measurement(Rate, [1, 2], new Yardstick("socketpair", [1, 2]))], [new LatencyCurve("x", null, 1, 1, [new LatencyPoint(50, 1)], null)])]);

    [TestCase("target")]
    [TestCase("target.name")]
    [TestCase("plan")]
    [TestCase("environment")]
    [TestCase("conditions")]
    [TestCase("conditions.checks")]
    [TestCase("limits")]
    [TestCase("limits.0.values")]
    [TestCase("workloads")]
    [TestCase("workloads.0.dimensions")]
    [TestCase("workloads.0.measurements")]
    [TestCase("workloads.0.measurements.0.figure")]
    [TestCase("workloads.0.measurements.0.figure.family")]
    [TestCase("workloads.0.measurements.0.values")]
    [TestCase("workloads.0.measurements.0.beside.values")]
    [TestCase("workloads.0.latencies.0.points")]
    public void Read_OfAReportThatLacksAPart_SaysWhich(string path)
    {
        string message = MessageOf(root =>
        {
            string[] steps = path.Split('.');
            JsonNode node = root;
            foreach (string step in steps[..^1])
            {
                node = int.TryParse(step, out int index) ? node[index]! : node[step]!;
            }

            Assert.That(node.AsObject().Remove(steps[^1]), path);
        });
        Assert.That(message, Does.Contain("perf.json: is no report of 'vsockspec perf run': '").And.Contain("is missing or not whole"));
    }

    [Test]
    public void Read_OfALimitWithFewerValuesThanItsFigure_IsRefused() =>
        Assert.That(MessageOf(root => root["workloads"]![0]!["measurements"]![0]!["beside"]!["values"]!.AsArray().RemoveAt(0)), Does.Contain("'workloads[].measurements[].beside' is missing or not whole"));

    [Test]
    public void Read_OfAnUnknownWord_IsRefused() =>
        Assert.That(MessageOf(root => root["workloads"]![0]!["outcome"] = "Splendid"), Does.Contain("is no report of 'vsockspec perf run': ").And.Contain("outcome"));

    [Test]
    public void Read_OfNothing_SaysWhatToGive() =>
        Assert.That(() => PerfJson.Read("/nowhere/perf.json"), Throws.TypeOf<DataFileException>().With.Message.EqualTo("/nowhere/perf.json: no such file; give the folder that 'vsockspec perf run' wrote"));

    private static string MessageOf(Action<JsonNode> change)
    {
        using InstanceFolder folder = InstanceFolder.Create();
        PerfJson.Write(Whole, folder.Path);
        Assert.That(PerfJson.Read(folder.Path).Workloads, Has.Count.EqualTo(1));
        string file = Path.Combine(folder.Path, PerfJson.File);
        JsonNode root = JsonNode.Parse(File.ReadAllText(file))!;
        change(root);
        File.WriteAllText(file, root.ToJsonString());
        return Assert.Throws<DataFileException>(() => PerfJson.Read(folder.Path)).Message;
    }
}
