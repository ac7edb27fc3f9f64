using System.Text.Json;

namespace Vsockspec.Perf.Histories;

/// <summary>
/// A folder of histories: a file of JSON lines for each series, to which lines are only ever appended. A line is written in one piece under the file's lock, so that two writers do
/// not mix theirs; one that a crash has cut off is taken back by the next writer and left out by readers.
/// </summary>
public sealed class HistoryStore(string folder)
{
    private const string Extension = ".jsonl";
    private const int LongestLine = 4096;
    private const long LargestFile = 64 << 20;
    private static readonly TimeSpan LockLimit = TimeSpan.FromSeconds(30);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { MaxDepth = 4 };

    /// <summary>Names of all series, in order.</summary>
    /// <exception cref="HistoryException">There is no such folder.</exception>
    public IReadOnlyList<string> Series()
    {
        if (!Directory.Exists(folder))
        {
            throw new HistoryException($"{folder}: no such folder; 'vsockspec perf history append' makes it");
        }

        return [.. Directory.EnumerateFiles(folder, "*" + Extension).Select(file => Path.GetFileNameWithoutExtension(file).Replace('~', '/')).Order(StringComparer.Ordinal)];
    }

    /// <summary>Adds a value; false when the series has one of this run already.</summary>
    /// <exception cref="HistoryException">The file cannot be written, is from a newer version, or another writer holds it for too long.</exception>
    public bool Append(string series, HistoryEntry entry)
    {
        Directory.CreateDirectory(folder);
        string file = FileOf(series);
        using FileStream stream = Lock(file);
        (IReadOnlyList<HistoryEntry> entries, _, long whole) = Parse(file, ReadAll(file, stream));
        if (entries.Any(e => e.Run == entry.Run))
        {
            return false;
        }

        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(entry, Json), (byte)'\n'];
        if (line.Length > LongestLine)
        {
            throw new HistoryException($"{file}: a line of {line.Length} bytes; at most {LongestLine} are kept, shorten run or commit");
        }

        try
        {
            stream.SetLength(whole);
            stream.Position = whole;
            stream.Write(line);
            stream.Flush(flushToDisk: true);
        }
        catch (IOException e)
        {
            throw new HistoryException($"{file}: {e.Message}", e);
        }

        return true;
    }

    /// <exception cref="HistoryException">The file cannot be read, a whole line of it is no entry, or it is from a newer version.</exception>
    public History Read(string series)
    {
        string file = FileOf(series);
        byte[] content;
        try
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            content = ReadAll(file, stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HistoryException($"{file}: {e.Message}", e);
        }

        (IReadOnlyList<HistoryEntry> entries, IReadOnlyList<string> notices, _) = Parse(file, content);
        return new History(series, [.. entries.OrderBy(e => e.At)], notices);
    }

    private static byte[] ReadAll(string file, FileStream stream)
    {
        if (stream.Length > LargestFile)
        {
            throw new HistoryException($"{file}: has {stream.Length} bytes; a history has at most {LargestFile}, move it away to start anew");
        }

        byte[] content = new byte[stream.Length];
        stream.Position = 0;
        int read = stream.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
        return content[..read];
    }

    private static (IReadOnlyList<HistoryEntry> Entries, IReadOnlyList<string> Notices, long Whole) Parse(string file, ReadOnlySpan<byte> content)
    {
        List<HistoryEntry> entries = [];
        List<string> notices = [];
        HashSet<string> runs = [];
        long whole = 0;
        for (int line = 1; content[(int)whole..].IndexOf((byte)'\n') is var end and >= 0; line++)
        {
            HistoryEntry entry = ParseLine($"{file}:{line}", content.Slice((int)whole, end));
            whole += end + 1;
            if (runs.Add(entry.Run))
            {
                entries.Add(entry);
            }
            else
            {
                notices.Add($"{file}:{line}: run '{entry.Run}' stands there twice; the first counts");
            }
        }

        if (whole < content.Length)
        {
            notices.Add($"{file}: the last line is cut off and left out");
        }

        return (entries, notices, whole);
    }

    private static HistoryEntry ParseLine(string place, ReadOnlySpan<byte> line)
    {
        if (line.Length > LongestLine)
        {
            throw new HistoryException($"{place}: a line of {line.Length} bytes; no entry is longer than {LongestLine}, restore the file");
        }

        HistoryEntry? entry;
        try
        {
            entry = JsonSerializer.Deserialize<HistoryEntry>(line, Json);
        }
        catch (JsonException e)
        {
            throw new HistoryException($"{place}: not an entry of a history: {e.Message}", e);
        }

        return entry switch
        {
            { Schema: not HistoryEntry.CurrentSchema and var schema } =>
                throw new HistoryException($"{place}: has the schema '{schema}', this version reads {HistoryEntry.CurrentSchema}; use the vsockspec that wrote it, or a newer one"),
            { Run: not null, Machine: not null, Value: > 0 and < double.PositiveInfinity } => entry,
            _ => throw new HistoryException($"{place}: run, machine or a positive value is missing; remove the line or restore the file"),
        };
    }

    /// <summary>Waits while another writer has the file.</summary>
    private static FileStream Lock(string file)
    {
        long begin = System.Diagnostics.Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            }
            catch (IOException e) when (e is not (FileNotFoundException or DirectoryNotFoundException))
            {
                if (System.Diagnostics.Stopwatch.GetElapsedTime(begin) > LockLimit)
                {
                    throw new HistoryException($"{file}: another writer has held it for {LockLimit.TotalSeconds} s: {e.Message}", e);
                }

                Thread.Sleep(TimeSpan.FromMilliseconds(20));
            }
            catch (UnauthorizedAccessException e)
            {
                throw new HistoryException($"{file}: {e.Message}", e);
            }
        }
    }

    private string FileOf(string series) => series.Length is > 0 and <= 200 && series.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '.' or '_') && series[0] != '.'
        ? Path.Combine(folder, series.Replace('/', '~') + Extension)
        : throw new HistoryException($"'{series}' is no name of a series: letters, digits, and / - . _, at most 200");
}
