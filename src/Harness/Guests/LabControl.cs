using System.Globalization;
using System.Text;

namespace Vsockspec.Guests;

/// <summary>
/// The words between the host and the lab's first process (lab-run.sh): it says <c>up</c> and <c>exit N</c>, we say <c>stop</c>. Whatever
/// else comes is not heard.
/// </summary>
internal sealed class LabControl
{
    private const int MaxWordLength = 64;
    private readonly Stream _stream;
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public LabControl(Stream stream)
    {
        _stream = stream;
        _ = Task.Run(Read);
    }

    /// <summary>Completes when the program starts, or when the machine ends.</summary>
    public Task Started => _started.Task;

    /// <summary>Completes when the program or the machine has ended.</summary>
    public Task Exited => _exited.Task;

    /// <summary>True once the program was started.</summary>
    public bool IsUp { get; private set; }

    /// <summary>0 to 255; null while the program runs, and when it never ended by itself.</summary>
    public int? ExitCode { get; private set; }

    /// <summary>Asks the program to end.</summary>
    public void Stop()
    {
        try
        {
            _stream.Write("stop\n"u8);
        }
        catch (IOException)
        {
            // The machine has just ended.
        }
    }

    private async Task Read()
    {
        byte[] buffer = new byte[256];
        StringBuilder word = new();
        try
        {
            int n;
            while ((n = await _stream.ReadAsync(buffer).ConfigureAwait(false)) > 0)
            {
                foreach (byte b in buffer.AsSpan(0, n))
                {
                    if (b != '\n')
                    {
                        word.Append(word.Length < MaxWordLength ? (char)b : "");
                    }
                    else
                    {
                        Hear(word.ToString());
                        word.Clear();
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The machine is gone.
        }
        finally
        {
            _started.TrySetResult();
            _exited.TrySetResult();
        }
    }

    private void Hear(string word)
    {
        if (word == "up")
        {
            IsUp = true;
            _started.TrySetResult();
        }
        else if (word.StartsWith("exit ", StringComparison.Ordinal)
            && byte.TryParse(word.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out byte code))
        {
            ExitCode = code;
            _exited.TrySetResult();
        }
    }
}
