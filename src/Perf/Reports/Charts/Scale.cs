namespace Vsockspec.Perf.Reports.Charts;

/// <param name="Place">0 to 1.</param>
/// <param name="IsMinor">Left out where there is little room.</param>
internal readonly record struct Tick(double Place, string Label, bool IsMinor = false);

/// <summary>One axis of a drawing: where a value stands, and which places are labelled.</summary>
internal sealed class Scale(IReadOnlyList<Tick> ticks, Func<double, double> place)
{
    private const int MostTicks = 6;
    private const double WidestLog = 12;

    public IReadOnlyList<Tick> Ticks => ticks;

    /// <summary>0 to 1; what lies beyond an end stands at it.</summary>
    public double Of(double value) => place(value) is var at && double.IsNaN(at) ? 0 : Math.Clamp(at, 0, 1);

    /// <summary>Equal distances are equal factors.</summary>
    /// <param name="values">Those that are not positive are left out.</param>
    public static Scale Log(IEnumerable<double> values)
    {
        double[] shown = [.. values.Where(v => v > 0 && Numbers.IsUsable(v)).Select(Math.Log10)];
        (double low, double high) = shown.Length == 0 ? (0, 1) : (shown.Min(), shown.Max());
        low = Math.Max(low, high - WidestLog);
        double margin = Math.Max(0.06 * (high - low), high - low < 0.15 ? 0.1 : 0.02);
        (low, high) = (low - margin, high + margin);
        double width = high - low;
        double[] steps = width > 3.2 ? [1] : width > 1.1 ? [1, 3] : [1, 1.5, 2, 3, 5, 7];
        int stride = (int)Math.Ceiling(width / MostTicks);
        List<Tick> found = [];
        for (int decade = (int)Math.Floor(low); decade <= high; decade++)
        {
            foreach (double step in steps)
            {
                double at = (decade + Math.Log10(step) - low) / width;
                if (decade % stride == 0 && at is >= 0 and <= 1)
                {
                    found.Add(new Tick(at, Numbers.Show(step * Math.Pow(10, decade)), IsMinor: step is not 1));
                }
            }
        }

        return new Scale(found, value => value > 0 ? (Math.Log10(value) - low) / width : 0);
    }

    /// <summary>Equal distances are equal differences.</summary>
    /// <param name="fromZero">The axis begins at zero; otherwise a little below the lowest value.</param>
    public static Scale Linear(IEnumerable<double> values, bool fromZero)
    {
        double[] shown = [.. values.Where(Numbers.IsUsable)];
        (double low, double high) = shown.Length == 0 ? (0, 1) : (shown.Min(), shown.Max());
        low = fromZero ? Math.Min(0, low) : low - Math.Max((high - low) * 0.08, Math.Abs(low) * 0.01);
        high += Math.Max((high - low) * 0.08, Math.Abs(high) * 0.01);
        double width = high > low ? high - low : 1;
        double rough = width / (MostTicks - 1);
        double power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = power * ((rough / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 });
        double first = Math.Ceiling(low / step) * step;
        List<Tick> found = [];
        for (int i = 0; i <= MostTicks && first + (i * step) <= high; i++)
        {
            found.Add(new Tick((first + (i * step) - low) / width, Numbers.Show(first + (i * step)), IsMinor: i % 2 == 1));
        }

        return new Scale(found, value => (value - low) / width);
    }

    /// <summary>Message sizes in order, each as far from the next as any other.</summary>
    public static Scale Sizes(IEnumerable<long> sizes)
    {
        double[] all = [.. sizes.Distinct().Order().Select(s => (double)s)];
        int stride = (all.Length + MostTicks - 1) / MostTicks;
        return new Scale([.. all.Index().Where(s => s.Index % stride == 0).Select(s => new Tick(At(s.Item), Numbers.Bytes((long)s.Item), IsMinor: all.Length > 4 && s.Index / stride % 2 == 1))], At);

        double At(double size) => all.Length < 2 ? 0.5 : Math.Max(0, Array.BinarySearch(all, size)) / (all.Length - 1.0);
    }

    /// <summary>Percentiles from the middle on: each label is ten times rarer than the one before; the maximum stands at the end.</summary>
    public static Scale Percentiles(IEnumerable<double> percentiles)
    {
        double rarest = percentiles.Where(p => p is > 0 and < 100).Select(Rarity).Append(Rarity(99)).Max();
        double end = rarest + 0.6;
        double[] labelled = [50, 90, 99, 99.9, 99.99, 99.999];
        return new Scale(
            [.. labelled.Where(p => Rarity(p) <= rarest + 0.001).Select(p => new Tick(At(p), FormattableString.Invariant($"{p:0.###}"), IsMinor: p > 99.9)), new Tick(1, "max")],
            At);

        double At(double percentile) => percentile >= 100 ? 1 : (Rarity(percentile) - Rarity(50)) / (end - Rarity(50));
    }

    /// <summary>Runs in order, with the day of some of them.</summary>
    public static Scale Runs(IReadOnlyList<DateTimeOffset> runs)
    {
        double last = Math.Max(1, runs.Count - 1);
        int[] labelled = runs.Count < 4 ? [0, runs.Count - 1] : [0, runs.Count / 2, runs.Count - 1];
        return new Scale(
            [.. labelled.Where(i => i >= 0).Distinct().Select((i, place) => new Tick(i / last, runs[i].UtcDateTime.ToString("d MMM yyyy", System.Globalization.CultureInfo.InvariantCulture), IsMinor: place == 1))],
            value => value / last);
    }

    /// <summary>How many times dearer: 1 is in the middle, twice as dear is as far from it as half as dear.</summary>
    public static Scale Slowdown(IEnumerable<double> ratios, double tolerance)
    {
        double farthest = ratios.Where(r => r > 0 && Numbers.IsUsable(r)).Select(r => Math.Abs(Math.Log(r))).Append(Math.Log(1 + tolerance) * 1.6).Append(0.06).Max();
        double end = Math.Min(farthest * 1.08, Math.Log(4));
        double[] steps = end switch { < 0.12 => [0.95, 1, 1.05], < 0.25 => [0.9, 1, 1.1], < 0.5 => [0.8, 1, 1.25], < 0.9 => [0.67, 1, 1.5], _ => [0.5, 1, 2] };
        return new Scale([.. steps.Select(s => new Tick(At(s), FormattableString.Invariant($"{s:0.##}")))], At);

        double At(double ratio) => ratio > 0 ? 0.5 + (Math.Log(ratio) / (2 * end)) : 0;
    }

    private static double Rarity(double percentile) => percentile <= 0 ? 0 : -Math.Log10(1 - (percentile / 100));
}
