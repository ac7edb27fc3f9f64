namespace Vsockspec.Cli.Output;

/// <summary>Columns of text, as wide as their longest cell; the last one is not padded.</summary>
internal sealed class TextTable(params string[] headers)
{
    private readonly List<string[]> _rows = [headers];

    public void Add(params string[] cells) => _rows.Add(cells);

    public void Print(TextWriter output, string indent = "")
    {
        int[] widths = [.. headers.Select((_, column) => _rows.Max(r => r[column].Length))];
        foreach (string[] row in _rows)
        {
            output.WriteLine((indent + string.Join("  ", row.Select((cell, column) => column == row.Length - 1 ? cell : cell.PadRight(widths[column])))).TrimEnd());
        }
    }
}
