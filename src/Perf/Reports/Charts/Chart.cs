namespace Vsockspec.Perf.Reports.Charts;

/// <param name="X">As the chart's scale across counts.</param>
/// <param name="Y">As the chart's scale down counts.</param>
/// <param name="Low">Lowest of what was measured; null: there is no range.</param>
/// <param name="Tip">Shown when pointed at.</param>
internal sealed record ChartPoint(double X, double Y, double? Low = null, double? High = null, string? Tip = null);

/// <summary>How a line is drawn: each has a colour, a dash and a mark of its own, so that nothing depends on colour.</summary>
/// <param name="Class">Of the style sheet, and name of the mark.</param>
internal sealed record LineStyle(string Class)
{
    /// <summary>What a target reaches; in order of use.</summary>
    public static readonly IReadOnlyList<LineStyle> Series = [new("s0"), new("s1"), new("s2"), new("s3"), new("s4"), new("s5")];

    /// <summary>What the machine itself does.</summary>
    public static readonly LineStyle Limit = new("limit");

    /// <summary>A mean over many points.</summary>
    public static readonly LineStyle Level = new("level");

    /// <summary>Many points without a line.</summary>
    public static readonly LineStyle Dots = new("dots");
}

/// <param name="Label">Stands at the end of the line; null: none.</param>
internal sealed record ChartLine(string? Label, LineStyle Style, IReadOnlyList<ChartPoint> Points);

/// <summary>A place that is marked over the whole height.</summary>
/// <param name="Style"><c>worse</c>, <c>better</c> or <c>other</c>.</param>
internal sealed record ChartMark(double X, string Label, string Style);

/// <summary>The figures behind a chart.</summary>
internal sealed record ChartTable(IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows);

/// <summary>Lines over two axes.</summary>
/// <param name="Id">Unique in the page.</param>
/// <param name="Across">What is to the right, with unit.</param>
/// <param name="Up">What is above, with unit.</param>
/// <param name="Description">What the chart shows, for somebody who does not see it.</param>
internal sealed record Chart(
    string Id, string Title, string Across, string Up, string Description, Scale X, Scale Y, IReadOnlyList<ChartLine> Lines, ChartTable Table)
{
    public IReadOnlyList<ChartMark> Marks { get; init; } = [];
}
