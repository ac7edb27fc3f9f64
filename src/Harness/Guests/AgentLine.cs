using System.Globalization;
using Vsockspec.Interop;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>The connection to the agent while it comes about: prepared before the VMM starts, established after it.</summary>
internal sealed class AgentLine : IDisposable
{
    /// <summary>dash knows descriptors up to 9 only.</summary>
    private const string Shell = "bash";

    /// <summary>How long a VMM that listens may leave us in its backlog.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly ConsoleLine _kind;
    private readonly UnixListener? _listener;
    private (UnixStream Ours, UnixStream Theirs)? _pair;

    private AgentLine(ConsoleLine kind, string path, UnixListener? listener, (UnixStream, UnixStream)? pair)
    {
        _kind = kind;
        Path = path;
        _listener = listener;
        _pair = pair;
    }

    /// <summary>What <c>{console}</c> stands for.</summary>
    public string Path { get; }

    public static AgentLine Prepare(ConsoleLine kind, string path) => new(
        kind,
        path,
        kind == ConsoleLine.Listen ? new UnixListener(path, backlog: 1) : null,
        kind == ConsoleLine.Stdio ? UnixStream.Pair() : null);

    /// <summary>Starts the VMM with what it inherits of the line.</summary>
    /// <exception cref="System.ComponentModel.Win32Exception">The system refused.</exception>
    public TargetProcess Start(IReadOnlyList<string> command, IReadOnlyDictionary<string, string> environment, string folder)
    {
        if (_pair is not { Theirs: var theirs })
        {
            return TargetProcess.Start(command, environment, folder);
        }

        // The runtime gives a child pipes only; the shell puts the line in their place and becomes the command.
        string shell = Executable.OnPath(Shell) ?? throw new GuestException($"{Shell} is not on this machine, and a console with line 'stdio' needs it; install it, or use listen or connect");
        using Inheritance inherited = new(theirs.Handle);
        string script = string.Create(CultureInfo.InvariantCulture, $"exec \"$@\" <&{inherited.Fd} >&{inherited.Fd}");
        return TargetProcess.Start([shell, "-c", script, shell, .. command], environment, folder);
    }

    /// <summary>The stream to the agent.</summary>
    /// <param name="rest">Waits a moment; throws when there is no point in waiting any longer.</param>
    public UnixStream Establish(Action rest)
    {
        if (_pair is { } pair)
        {
            pair.Theirs.Dispose();
            _pair = null;
            return pair.Ours;
        }

        // Nothing tells when a socket begins to be served: it is tried again.
        UnixStream? stream;
        while ((stream = _listener is null ? TryConnect() : _listener.TryAccept()) is null)
        {
            rest();
        }

        return stream;
    }

    public void Dispose()
    {
        _listener?.Dispose();
        _pair?.Ours.Dispose();
        _pair?.Theirs.Dispose();
    }

    private UnixStream? TryConnect()
    {
        try
        {
            return File.Exists(Path) ? UnixStream.Connect(Path, Patience) : null;
        }
        catch (ErrnoException)
        {
            return null;
        }
    }
}
