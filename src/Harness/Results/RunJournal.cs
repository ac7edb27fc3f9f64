using System.Text.Json;

namespace Vsockspec.Results;

/// <summary>A line of the journal.</summary>
/// <param name="IsSecondChance">The case was not begun; it will be again, whatever became of it before.</param>
internal sealed record JournalEntry(string FullName, int Repetition, bool IsSecondChance);

/// <summary>
/// Which cases were begun: one line of JSON for each start, <c>{"case":"VSC-0101[split]","repetition":1}</c>, with the system before the case
/// begins. Whoever finds a bundle whose run was killed learns from it in which case. With <c>"again":true</c> the line says that a case which was interrupted will be
/// begun once more.
/// </summary>
internal sealed class RunJournal : IDisposable
{
    private readonly FileStream _lines;

    private RunJournal(FileStream lines) => _lines = lines;

    /// <summary>Begins a journal; one that is there is forgotten.</summary>
    /// <exception cref="BundleException">The file cannot be written.</exception>
    public static RunJournal Create(string folder)
    {
        string file = Path.Combine(folder, Bundle.StartedFile);
        return Bundle.Guarded(file, () => new RunJournal(new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0)));
    }

    /// <summary>Goes on with the journal of a run that was killed.</summary>
    /// <exception cref="BundleException">The file cannot be written.</exception>
    public static RunJournal Open(string folder)
    {
        string file = Path.Combine(folder, Bundle.StartedFile);
        return Bundle.Guarded(file, () => new RunJournal(Bundle.OpenAtWholeLine(file)));
    }

    /// <summary>What was written, in that order; nothing where there is no journal. A last line that was cut off is left out.</summary>
    /// <exception cref="BundleException">The file cannot be read, or is no journal.</exception>
    public static IReadOnlyList<JournalEntry> Read(string folder)
    {
        string file = Path.Combine(folder, Bundle.StartedFile);
        if (!File.Exists(file))
        {
            return [];
        }

        List<JournalEntry> entries = [];
        ReadOnlySpan<byte> rest = Bundle.Guarded(file, () => File.ReadAllBytes(file));
        for (int line = 1; rest.IndexOf((byte)'\n') is var end and >= 0; line++)
        {
            try
            {
                Utf8JsonReader reader = new(rest[..end]);
                using JsonDocument entry = JsonDocument.ParseValue(ref reader);
                JsonElement root = entry.RootElement;
                entries.Add(new JournalEntry(
                    root.GetProperty("case").GetString() ?? "", root.GetProperty("repetition").GetInt32(), root.TryGetProperty("again", out JsonElement again) && again.GetBoolean()));
            }
            catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
            {
                throw new BundleException($"{file}:{line}: not the start of a case: {e.Message}; remove the file to begin the interrupted case again", e);
            }

            rest = rest[(end + 1)..];
        }

        return entries;
    }

    /// <exception cref="BundleException">The disk is full.</exception>
    public void Started(string fullName, int repetition) => Write(fullName, repetition, isSecondChance: false);

    /// <exception cref="BundleException">The disk is full.</exception>
    public void SecondChance(string fullName, int repetition) => Write(fullName, repetition, isSecondChance: true);

    /// <summary>The run has ended in order: what was begun has a result, or was given up.</summary>
    public void Remove()
    {
        _lines.Dispose();
        Bundle.Guarded(_lines.Name, () =>
        {
            File.Delete(_lines.Name);
            return 0;
        });
    }

    public void Dispose() => _lines.Dispose();

    private void Write(string fullName, int repetition, bool isSecondChance) => Bundle.Guarded(_lines.Name, () =>
    {
        using MemoryStream line = new();
        using (Utf8JsonWriter writer = new(line))
        {
            writer.WriteStartObject();
            writer.WriteString("case", fullName);
            writer.WriteNumber("repetition", repetition);
            if (isSecondChance)
            {
                writer.WriteBoolean("again", true);
            }

            writer.WriteEndObject();
        }

        line.WriteByte((byte)'\n');
        _lines.Write(line.ToArray());
        return 0;
    });
}
