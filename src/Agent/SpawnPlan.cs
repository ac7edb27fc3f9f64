namespace Vsockspec.Agent;

/// <summary>
/// How a program begins: in a session of its own, so that one signal ends it with its children; without input; with its output in a pipe; with
/// every signal as usual, for the runtime ignores SIGPIPE and a program would inherit that.
/// </summary>
internal sealed class SpawnPlan : IDisposable
{
    private const short SetDefaults = 0x04;
    private const short SetMask = 0x08;
    private const short NewSession = 0x80;

    /// <summary>glibc's posix_spawnattr_t has 336 bytes, its file actions 80.</summary>
    private const int Room = 512;

    private readonly byte[] _actions = new byte[Room];
    private readonly byte[] _attributes = new byte[Room];

    /// <param name="output">Becomes standard output and standard error.</param>
    public SpawnPlan(int output)
    {
        _ = Libc.SpawnActionsInit(ref _actions[0]);
        _ = Libc.SpawnActionsOpen(ref _actions[0], 0, "/dev/null", 0, 0);
        _ = Libc.SpawnActionsDuplicate(ref _actions[0], output, 1);
        _ = Libc.SpawnActionsDuplicate(ref _actions[0], output, 2);
        SignalSet all = default;
        all[0] = ulong.MaxValue;
        SignalSet none = default;
        _ = Libc.SpawnAttributesInit(ref _attributes[0]);
        _ = Libc.SpawnAttributesDefaults(ref _attributes[0], ref all);
        _ = Libc.SpawnAttributesMask(ref _attributes[0], ref none);
        _ = Libc.SpawnAttributesFlags(ref _attributes[0], SetDefaults | SetMask | NewSession);
    }

    /// <summary>0, or errno.</summary>
    /// <param name="words">The program's path and its arguments.</param>
    public int Start(IEnumerable<string> words, ref int process)
    {
        string?[] arguments = [.. words, null];
        return Libc.Spawn(ref process, arguments[0]!, ref _actions[0], ref _attributes[0], arguments, ["PATH=/bin", "HOME=/", null]);
    }

    public void Dispose()
    {
        _ = Libc.SpawnActionsDestroy(ref _actions[0]);
        _ = Libc.SpawnAttributesDestroy(ref _attributes[0]);
    }
}
