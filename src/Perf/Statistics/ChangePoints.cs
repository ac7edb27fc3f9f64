using Perfolizer.Mathematics.Distributions.ContinuousDistributions;

namespace Vsockspec.Perf.Statistics;

/// <summary>A lasting step in a history.</summary>
/// <param name="Index">The first value of the new level.</param>
/// <param name="Before">Mean from the step before to this one.</param>
/// <param name="After">Mean from this step to the next.</param>
/// <param name="Probability">Of so large a difference between the two stretches if there were no step (Student).</param>
public sealed record ChangePoint(int Index, double Before, double After, double Probability)
{
    /// <summary>0.05: the figure rose by 5 %.</summary>
    public double Change => (After / Before) - 1;
}

/// <summary>
/// Finds the steps in a history the way Hunter does (Fleming, Kołaczkowski and others, ICPE 2023): candidates where the energy distance between what is before and after is largest
/// (Matteson and James 2014), found in overlapping windows so that old data cannot hide a young step, kept while a test of Student's kind says so, then the
/// weakest dropped until all that remain are both certain and large enough to matter. Single nights that went astray are left out before (<see cref="Strays"/>). Deterministic.
/// </summary>
/// <param name="window">How many values are looked at together.</param>
/// <param name="probability">A step remains when it is less probable than this by chance.</param>
/// <param name="magnitude">A step remains when it changes the level by at least this part.</param>
public sealed class ChangePointDetector(int window = 30, double probability = 0.001, double magnitude = 0.02)
{
    /// <summary>Fewer values at a side say nothing about their spread.</summary>
    public const int FewestAtASide = 4;

    /// <summary>Candidates may be so much weaker than what remains: a step beside another is often weak until the other is known.</summary>
    private const double CandidateSlack = 10;

    /// <summary>In order of place.</summary>
    /// <exception cref="ArgumentException">A value is not a positive number.</exception>
    public IReadOnlyList<ChangePoint> Find(ReadOnlySpan<double> values)
    {
        foreach (double value in values)
        {
            if (!(value > 0 && double.IsFinite(value)))
            {
                throw new ArgumentException($"{value} is no positive number", nameof(values));
            }
        }

        ReadOnlySpan<double> history = Strays.Replaced(values);
        SortedSet<int> places = [];
        for (int start = 0; start < history.Length;)
        {
            List<int> inWindow = [];
            Split(history.Slice(start, Math.Min(window, history.Length - start)), start, inWindow);
            places.UnionWith(inWindow);

            // A step found is the end of what was; the next window begins there, or half a window on.
            start = Math.Max(start + Math.Max(1, window / 2), inWindow.Count > 0 ? inWindow.Max() : 0);
        }

        return Strongest(history, [.. places]);
    }

    private List<ChangePoint> Strongest(ReadOnlySpan<double> history, List<int> places)
    {
        while (true)
        {
            List<ChangePoint> points = [];
            for (int i = 0; i < places.Count; i++)
            {
                int from = i == 0 ? 0 : places[i - 1];
                int to = i == places.Count - 1 ? history.Length : places[i + 1];
                places[i] = Sharpest(history, from, places[i], to);
                points.Add(At(history, from, places[i], to));
            }

            ChangePoint? doubtful = points.Where(p => !(p.Probability < probability)).MaxBy(p => p.Probability)
                ?? points.Where(p => Math.Abs(p.Change) < magnitude).MinBy(p => Math.Abs(p.Change));
            if (doubtful is null)
            {
                return points;
            }

            places.Remove(doubtful.Index);
        }
    }

    /// <summary>
    /// The place near <paramref name="at"/> where a step explains most of what varies between its neighbours. The energy distance finds that there is a step, and may miss its place by a
    /// value or two; those would then look like a step of their own.
    /// </summary>
    private static int Sharpest(ReadOnlySpan<double> history, int from, int at, int to)
    {
        const int Near = 3;
        int best = at;
        double most = 0;
        for (int place = Math.Max(from + 1, at - Near); place <= Math.Min(to - 1, at + Near); place++)
        {
            double step = MeanAndVariance(history[from..place]).Mean - MeanAndVariance(history[place..to]).Mean;
            double explained = step * step * (place - from) * (to - place) / (to - from);
            if (explained > most)
            {
                (most, best) = (explained, place);
            }
        }

        return best;
    }

    private void Split(ReadOnlySpan<double> values, int offset, List<int> found)
    {
        int at = Farthest(values);
        if (at == 0 || At(values, 0, at, values.Length).Probability > probability * CandidateSlack)
        {
            return;
        }

        found.Add(offset + at);
        Split(values[..at], offset, found);
        Split(values[at..], offset + at, found);
    }

    /// <summary>The place where the energy distance between the values before and those that follow (up to any later end) is largest; 0: too few values.</summary>
    private static int Farthest(ReadOnlySpan<double> values)
    {
        int best = 0;
        double largest = double.NegativeInfinity;
        for (int at = FewestAtASide; at <= values.Length - FewestAtASide; at++)
        {
            double within = Distances(values[..at]);
            double between = 0;
            double after = 0;
            for (int end = at; end < values.Length; end++)
            {
                for (int i = 0; i < at; i++)
                {
                    between += Math.Abs(values[end] - values[i]);
                }

                for (int i = at; i < end; i++)
                {
                    after += Math.Abs(values[end] - values[i]);
                }

                int n = at;
                int m = end + 1 - at;
                if (m < FewestAtASide)
                {
                    continue;
                }

                double distance = (2 * between / ((double)n * m)) - (2 * within / ((double)n * (n - 1))) - (2 * after / ((double)m * (m - 1)));
                double weighted = (double)n * m / (n + m) * distance;
                if (weighted > largest)
                {
                    (largest, best) = (weighted, at);
                }
            }
        }

        return best;
    }

    private static double Distances(ReadOnlySpan<double> values)
    {
        double sum = 0;
        for (int i = 0; i < values.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                sum += Math.Abs(values[i] - values[j]);
            }
        }

        return sum;
    }

    private static ChangePoint At(ReadOnlySpan<double> history, int from, int at, int to)
    {
        (double before, double spreadBefore) = MeanAndVariance(history[from..at]);
        (double after, double spreadAfter) = MeanAndVariance(history[at..to]);
        return new ChangePoint(at, before, after, Student.Probability(before, spreadBefore, at - from, after, spreadAfter, to - at));
    }

    private static (double Mean, double Variance) MeanAndVariance(ReadOnlySpan<double> values)
    {
        double mean = 0;
        foreach (double value in values)
        {
            mean += value / values.Length;
        }

        double squares = 0;
        foreach (double value in values)
        {
            squares += (value - mean) * (value - mean);
        }

        return (mean, values.Length < 2 ? double.NaN : squares / (values.Length - 1));
    }
}

/// <summary>Student's test for two means with one spread: a step moves the level of a figure, seldom how much it varies, and few nights after it say little of their own spread.</summary>
public static class Student
{
    /// <summary>Of two means so far apart, or farther, if they were equal; 1 where a side has fewer than two values.</summary>
    public static double Probability(double firstMean, double firstVariance, int firstCount, double secondMean, double secondVariance, int secondCount)
    {
        if (firstCount < 2 || secondCount < 2)
        {
            return 1;
        }

        int freedom = firstCount + secondCount - 2;
        double pooled = (((firstCount - 1) * firstVariance) + ((secondCount - 1) * secondVariance)) / freedom;
        if (pooled == 0)
        {
            return firstMean == secondMean ? 1 : 0;
        }

        double t = Math.Abs(firstMean - secondMean) / Math.Sqrt(pooled * ((1.0 / firstCount) + (1.0 / secondCount)));
        return 2 * new StudentDistribution(freedom).Cdf(-t);
    }
}
