using System.Diagnostics;
using System.Text;

namespace Vsockspec.Targets;

/// <summary>The last lines of one or more byte streams. Bounded whatever is written: lines and their length. Thread-safe.</summary>
internal sealed class LineTail
{
    private const int MaxLines = 200;
    private const int MaxLineBytes = 1000;

    private readonly Queue<string> _lines = new();
    private long _lastHeard;

    /// <summary>When bytes came last, as <see cref="Stopwatch.GetTimestamp"/> tells time; 0 when none ever did.</summary>
    public long LastHeard => Volatile.Read(ref _lastHeard);

    /// <summary>Oldest first.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    /// <summary>Reads to the end of the stream.</summary>
    public Task Follow(Stream stream) => Follow(buffer => stream.ReadAsync(buffer));

    /// <summary>Reads until nothing more comes.</summary>
    /// <param name="read">Fills the buffer from its start; 0 is the end.</param>
    public async Task Follow(Func<byte[], ValueTask<int>> read)
    {
        byte[] buffer = new byte[4096];
        byte[] line = new byte[MaxLineBytes];
        int length = 0;
        bool cut = false;
        try
        {
            int n;
            while ((n = await read(buffer).ConfigureAwait(false)) > 0)
            {
                Volatile.Write(ref _lastHeard, Stopwatch.GetTimestamp());
                for (int i = 0; i < n; i++)
                {
                    if (buffer[i] == (byte)'\n')
                    {
                        Add(line.AsSpan(0, length), cut);
                        length = 0;
                        cut = false;
                    }
                    else if (length < line.Length)
                    {
                        line[length++] = buffer[i];
                    }
                    else
                    {
                        cut = true;
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The process was disposed while we read: what came so far is kept.
        }

        if (length > 0)
        {
            Add(line.AsSpan(0, length), cut);
        }
    }

    private void Add(ReadOnlySpan<byte> bytes, bool cut)
    {
        string text = Printable.Clean(Encoding.UTF8.GetString(bytes.EndsWith("\r"u8) ? bytes[..^1] : bytes));
        lock (_lines)
        {
            _lines.Enqueue(cut ? text + "…" : text);
            if (_lines.Count > MaxLines)
            {
                _lines.Dequeue();
            }
        }
    }
}
