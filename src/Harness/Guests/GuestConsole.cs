using System.Diagnostics;
using System.Net.Sockets;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>The end of what a guest's kernel printed. It is always read, so that a kernel that floods it does not wait for us. Thread-safe.</summary>
internal sealed class GuestConsole : IDisposable
{
    private readonly LabStream _stream;
    private readonly LineTail _tail = new();
    private readonly CancellationTokenSource _end = new();
    private readonly Task _following;
    private readonly long _begin = Stopwatch.GetTimestamp();

    /// <param name="socket">Where the machine connects to; listens from now on.</param>
    public GuestConsole(string socket)
    {
        _stream = new LabStream(socket);
        _following = Follow();
    }

    /// <summary>Oldest first, fit to be printed.</summary>
    public IReadOnlyList<string> Lines => _tail.Lines;

    /// <summary>For how long nothing has come.</summary>
    public TimeSpan Silence => Stopwatch.GetElapsedTime(Math.Max(_begin, _tail.LastHeard));

    /// <summary>The line that says why the kernel cannot go on; null while it can.</summary>
    public string? Fatal => ConsoleText.Panic(Lines)?.Split('\n')[0];

    /// <summary>What explains an end best, at most so many lines: the beginning of a panic with what led to it, or the newest lines.</summary>
    public IReadOnlyList<string> Telling(int count)
    {
        string[] lines = [.. Lines];
        int panic = Array.FindIndex(lines, l => l.Contains(ConsoleText.PanicMark, StringComparison.Ordinal));
        return panic < 0 ? [.. lines.TakeLast(count)] : [.. lines.Skip(panic - (count / 2)).Take(count)];
    }

    public bool Says(string text) => Lines.Any(l => l.Contains(text, StringComparison.Ordinal));

    public void Dispose()
    {
        _end.Cancel();
        _stream.Dispose();
        _following.Wait();
        _end.Dispose();
    }

    private async Task Follow()
    {
        try
        {
            NetworkStream stream = await _stream.Accept(_end.Token).ConfigureAwait(false);
            await _tail.Follow(stream).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Nobody connected: the machine did not start.
        }
    }
}
