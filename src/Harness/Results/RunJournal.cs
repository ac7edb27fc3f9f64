using System.Text.Json;

namespace Vsockspec.Results;

/// <summary>
/// Which cases were begun: one line of JSON for each start, <c>{"case":"VSC-0101[split]","repetition":1}</c>, with the system before the case
/// begins. Whoever finds a bundle whose run was killed learns from it in which case.
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

    /// <summary>What was begun, in that order; nothing where there is no journal. A last line that was cut off is left out.</summary>
    /// <exception cref="BundleException">The file cannot be read, or is no journal.</exception>
    public static IReadOnlyList<(string FullName, int Repetition)> Read(string folder)
    {
        string file = Path.Combine(folder, Bundle.StartedFile);
        if (!File.Exists(file))
        {
            return [];
        }

        List<(string, int)> started = [];
        ReadOnlySpan<byte> rest = Bundle.Guarded(file, () => File.ReadAllBytes(file));
        for (int line = 1; rest.IndexOf((byte)'\n') is var end and >= 0; line++)
        {
            try
            {
                Utf8JsonReader reader = new(rest[..end]);
                using JsonDocument entry = JsonDocument.ParseValue(ref reader);
                started.Add((entry.RootElement.GetProperty("case").GetString() ?? "", entry.RootElement.GetProperty("repetition").GetInt32()));
            }
            catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
            {
                throw new BundleException($"{file}:{line}: not the start of a case: {e.Message}; remove the file to begin the interrupted case again", e);
            }

            rest = rest[(end + 1)..];
        }

        return started;
    }

    /// <exception cref="BundleException">The disk is full.</exception>
    public void Started(string fullName, int repetition) => Bundle.Guarded(_lines.Name, () =>
    {
        using MemoryStream line = new();
        using (Utf8JsonWriter writer = new(line))
        {
            writer.WriteStartObject();
            writer.WriteString("case", fullName);
            writer.WriteNumber("repetition", repetition);
            writer.WriteEndObject();
        }

        line.WriteByte((byte)'\n');
        _lines.Write(line.ToArray());
        return 0;
    });

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
}
