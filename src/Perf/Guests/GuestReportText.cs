using System.Globalization;
using System.Text;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Guests;

/// <summary>Our transfers from a guest and those of vsock_perf side by side, in Markdown.</summary>
internal static class GuestReportText
{
    private static readonly CultureInfo C = CultureInfo.InvariantCulture;

    /// <summary>Adds the table; nothing where vsock_perf did not run.</summary>
    public static void Write(PerfReport report, StringBuilder text)
    {
        WorkloadResult[] checkedOnes = [.. report.Workloads.Where(w => w.Workload == GuestThroughput.KindName && w.Measurements is [{ Beside.Limit: GuestThroughput.CrossCheck }, _])];
        if (checkedOnes.Length == 0)
        {
            return;
        }

        text.AppendLine(C, $"Beside vsock_perf ({report.Environment.GetValueOrDefault(GuestThroughput.CrossCheck)}) in the same guest ({report.Environment.GetValueOrDefault("guest")}), in turn: the same number of bytes in messages of the same size, both measured at the host by the same clock, in MiB/s. What vsock_perf says itself is by its own formula: a sender divides by its time inside send(2).").AppendLine();
        text.AppendLine("| direction | message | ours | vsock_perf | ratio | vsock_perf says |").AppendLine("|---|---:|---:|---:|---:|---:|");
        foreach (WorkloadResult result in checkedOnes)
        {
            Measurement ours = result.Measurements[0];
            Summary ratio = ours.Beside!.Ratio(ours);
            text.AppendLine(
                C,
                $"| {result.Dimensions.GetValueOrDefault("direction")} | {result.Dimensions.GetValueOrDefault("size")} B | {Range(ours.Summary)} | {Range(Summary.Of([.. ours.Beside.Values]))} | {ratio.Middle:0.00} ({ratio.Minimum:0.00} to {ratio.Maximum:0.00}) | {Number(result.Measurements[1].Summary.Middle)} |");
        }

        text.AppendLine();
    }

    private static string Range(Summary summary) => $"{Number(summary.Middle)} ({Number(summary.Minimum)} to {Number(summary.Maximum)})";

    private static string Number(double value) => value.ToString(value switch { >= 100 => "0", >= 10 => "0.0", _ => "0.00" }, C);
}
