using System.Text.Json;
using Vsockspec.Interop;

namespace Vsockspec.Perf.Histories;

/// <summary>One line for one series.</summary>
public sealed record HistoryLine(string Series, HistoryEntry Entry);

/// <summary>
/// The lines of one night while they are appended to their files. It is on the disk as a whole before the first of them is touched, and goes away after the last: whoever finds it
/// knows what is still to be done.
/// </summary>
internal sealed class NightJournal(string folder)
{
    private const string CurrentSchema = "vsockspec-history-night/1";
    private const long LargestFile = 64 << 20;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { MaxDepth = 8 };

    public string File { get; } = Path.Combine(folder, ".night.journal");

    /// <summary>The name is given to it when it is whole.</summary>
    private string Draft => File + ".part";

    /// <exception cref="IOException">It cannot be written; the night is not begun then.</exception>
    public void Write(IReadOnlyList<HistoryLine> night)
    {
        using (FileStream stream = new(Draft, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            WriteLine(stream, new Head(CurrentSchema, night.Count));
            foreach (HistoryLine line in night)
            {
                WriteLine(stream, line);
            }

            stream.Flush(flushToDisk: true);
        }

        System.IO.File.Move(Draft, File, overwrite: true);
        FolderSync.Flush(folder);
    }

    /// <summary>What a writer that was stopped left to do; nothing when none was. A journal that is not whole was never acted on, so that its night is not begun.</summary>
    /// <exception cref="HistoryException">It cannot be read, or it is no journal; the message names file, line and remedy.</exception>
    public IReadOnlyList<HistoryLine> Read()
    {
        string[] lines;
        try
        {
            if (!System.IO.File.Exists(File))
            {
                return [];
            }

            if (new FileInfo(File).Length > LargestFile)
            {
                throw No(1, $"is larger than {LargestFile} bytes");
            }

            string text = System.IO.File.ReadAllText(File);
            lines = text[..(text.LastIndexOf('\n') + 1)].Split('\n')[..^1];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HistoryException($"{File}: {e.Message}", e);
        }

        if (lines.Length == 0)
        {
            return [];
        }

        if (Parse<Head>(1, lines[0]) is not { Schema: CurrentSchema, Lines: >= 0 } head)
        {
            throw No(1, "is of another version; use the vsockspec that wrote it");
        }

        return lines.Length - 1 < head.Lines ? [] : [.. lines.Skip(1).Take(head.Lines).Select((line, i) => Checked(i + 2, Parse<HistoryLine>(i + 2, line)))];
    }

    /// <summary>Its lines are all in their files, whose names are on the disk before it goes.</summary>
    /// <exception cref="IOException">The disk fails; it stays then.</exception>
    public void Remove()
    {
        FolderSync.Flush(folder);
        System.IO.File.Delete(File);
    }

    private static void WriteLine<T>(FileStream stream, T line)
    {
        JsonSerializer.Serialize(stream, line, Json);
        stream.WriteByte((byte)'\n');
    }

    private T? Parse<T>(int number, string line)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(line, Json);
        }
        catch (JsonException e)
        {
            throw No(number, e.Message);
        }
    }

    private HistoryLine Checked(int number, HistoryLine? line) => line is { Series: not null, Entry: { Schema: HistoryEntry.CurrentSchema, Run: not null, Machine: not null, Value: > 0 and < double.PositiveInfinity } }
        ? line
        : throw No(number, "series, run, machine or a positive value is missing");

    private HistoryException No(int line, string why) => new($"{File}:{line}: no journal of a night: {why}; remove the file and append the night again");

    private sealed record Head(string? Schema, int Lines);
}
