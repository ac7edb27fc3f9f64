using System.Text.Json;

namespace Vsockspec.Perf.Histories;

/// <summary>
/// A folder of histories: a file of JSON lines for each series, to which lines are only ever appended. The lines of a night are there all or none: a <see cref="NightJournal"/> has
/// them before the first is appended, and after a crash the next writer appends what is missing; readers take it from the journal. Writers wait for each other, and readers for a
/// writer. A line that a crash has cut off is taken back by the next writer and left out by readers.
/// </summary>
public sealed class HistoryStore(string folder)
{
    private const string Extension = ".jsonl";

    /// <summary>Held by whoever writes, shared by those who read.</summary>
    private const string LockName = ".writer.lock";
    private const int LongestLine = 4096;
    private const long LargestFile = 64 << 20;
    private const string CutOff = "the last line is cut off and left out";
    private static readonly TimeSpan LockLimit = TimeSpan.FromSeconds(30);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { MaxDepth = 4 };

    private readonly NightJournal journal = new(folder);

    private string LockFile => Path.Combine(folder, LockName);

    /// <summary>Called after each thing that a writer did to the disk; so that a test may stop it there.</summary>
    internal Action Written { get; init; } = () => { };

    /// <summary>Names of all series, in order.</summary>
    /// <exception cref="HistoryException">There is no such folder, or a journal in it cannot be read.</exception>
    public IReadOnlyList<string> Series()
    {
        using FileStream? reader = ReaderLock();
        return Series(journal.Read());
    }

    /// <summary>All series in order of their names, as they were at one moment: of no night a part.</summary>
    /// <exception cref="HistoryException">There is no such folder; or as <see cref="Read(string)"/>.</exception>
    public IReadOnlyList<History> ReadAll()
    {
        using FileStream? reader = ReaderLock();
        IReadOnlyList<HistoryLine> pending = journal.Read();
        return [.. Series(pending).Select(series => Read(series, pending))];
    }

    /// <exception cref="HistoryException">The file cannot be read, a whole line of it is no entry, or it is from a newer version.</exception>
    public History Read(string series)
    {
        using FileStream? reader = ReaderLock();
        return Read(series, journal.Read());
    }

    /// <summary>Adds a value; false when the series has one of this run already.</summary>
    /// <exception cref="HistoryException">As <see cref="Append(IReadOnlyCollection{HistoryLine})"/>.</exception>
    public bool Append(string series, HistoryEntry entry) => Append([new HistoryLine(series, entry)]) == 1;

    /// <summary>Adds the values of a night, each to its series; how many were added. Where a series has one of the run already, that one stays.</summary>
    /// <exception cref="HistoryException">
    /// A file cannot be read, or is from a newer version: nothing is added. Another writer holds the history for too long: nothing is added. A file cannot be written: the night is not
    /// begun, or the next writer ends it.
    /// </exception>
    public int Append(IReadOnlyCollection<HistoryLine> night)
    {
        Directory.CreateDirectory(folder);
        using FileStream writer = WriterLock();
        try
        {
            AppendMissing(journal.Read());
            journal.Remove();
            HistoryLine[] missing = [.. night.Where(IsMissing)];

            // A single line is one piece by itself.
            if (missing.Length > 1)
            {
                journal.Write(missing);
                Written();
            }

            AppendMissing(missing);
            journal.Remove();
            return missing.Length;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HistoryException($"{folder}: {e.Message}", e);
        }
    }

    private void AppendMissing(IReadOnlyCollection<HistoryLine> lines)
    {
        foreach (HistoryLine line in lines.Where(IsMissing))
        {
            Append(line);
            Written();
        }
    }

    private bool IsMissing(HistoryLine line)
    {
        _ = Encoded(line);
        string file = FileOf(line.Series);
        return !File.Exists(file) || Parse(file, Content(file)).Entries.All(e => e.Run != line.Entry.Run);
    }

    private void Append(HistoryLine line)
    {
        string file = FileOf(line.Series);
        byte[] encoded = Encoded(line);
        using FileStream stream = new(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        long whole = Parse(file, ReadAll(file, stream)).Whole;
        stream.SetLength(whole);
        stream.Position = whole;
        stream.Write(encoded);
        stream.Flush(flushToDisk: true);
    }

    private byte[] Encoded(HistoryLine line)
    {
        byte[] encoded = [.. JsonSerializer.SerializeToUtf8Bytes(line.Entry, Json), (byte)'\n'];
        return encoded.Length <= LongestLine ? encoded : throw new HistoryException($"{FileOf(line.Series)}: a line of {encoded.Length} bytes; at most {LongestLine} are kept, shorten run or commit");
    }

    private string[] Series(IReadOnlyList<HistoryLine> pending) =>
        [.. Directory.EnumerateFiles(folder, "*" + Extension).Select(file => Path.GetFileNameWithoutExtension(file).Replace('~', '/')).Union(pending.Select(line => line.Series)).Order(StringComparer.Ordinal)];

    /// <param name="pending">What a writer that was stopped did not append yet, or did.</param>
    private History Read(string series, IReadOnlyList<HistoryLine> pending)
    {
        string file = FileOf(series);
        HistoryLine[] own = [.. pending.Where(line => line.Series == series)];
        (IReadOnlyList<HistoryEntry> entries, IReadOnlyList<string> notices, _) = own.Length > 0 && !File.Exists(file) ? ([], [], 0) : Parse(file, Content(file));
        HistoryEntry[] missing = [.. own.Select(line => line.Entry).ExceptBy(entries.Select(e => e.Run), e => e.Run)];

        // A line that is cut off is then the one that stands in the journal.
        return new History(series, [.. entries.Concat(missing).OrderBy(e => e.At)], missing.Length == 0 ? notices : [.. notices.Where(n => !n.EndsWith(CutOff, StringComparison.Ordinal))]);
    }

    private static byte[] Content(string file)
    {
        try
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            return ReadAll(file, stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HistoryException($"{file}: {e.Message}", e);
        }
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
            notices.Add($"{file}: {CutOff}");
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

    private FileStream WriterLock() => Locked(() => new FileStream(LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0));

    /// <summary>Null where nobody has written yet, or where the history is a copy without the lock.</summary>
    /// <exception cref="HistoryException">There is no such folder, or a writer holds it for too long.</exception>
    private FileStream? ReaderLock() => Directory.Exists(folder)
        ? File.Exists(LockFile) ? Locked(() => new FileStream(LockFile, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0)) : null
        : throw new HistoryException($"{folder}: no such folder; 'vsockspec perf history append' makes it");

    /// <summary>Waits while somebody else has it.</summary>
    private FileStream Locked(Func<FileStream> open)
    {
        long begin = System.Diagnostics.Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return open();
            }
            catch (IOException e) when (e is not (FileNotFoundException or DirectoryNotFoundException))
            {
                if (System.Diagnostics.Stopwatch.GetElapsedTime(begin) > LockLimit)
                {
                    throw new HistoryException($"{LockFile}: another writer has held it for {LockLimit.TotalSeconds} s: {e.Message}", e);
                }

                Thread.Sleep(TimeSpan.FromMilliseconds(20));
            }
            catch (UnauthorizedAccessException e)
            {
                throw new HistoryException($"{LockFile}: {e.Message}", e);
            }
        }
    }

    private string FileOf(string series) => series.Length is > 0 and <= 200 && series.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '.' or '_') && series[0] != '.'
        ? Path.Combine(folder, series.Replace('/', '~') + Extension)
        : throw new HistoryException($"'{series}' is no name of a series: letters, digits, and / - . _, at most 200");
}
