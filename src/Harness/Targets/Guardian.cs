using System.Diagnostics;

namespace Vsockspec.Targets;

/// <summary>
/// A small shell that outlives this process, whatever ends it (SIGKILL, a crash), and then ends the process groups and removes the
/// folders that were left. It learns of our end by the end of its standard input.
/// </summary>
internal static class Guardian
{
    // Lines: '+' or '-' (watch or release), then 'g' and a process group, or 'd' and a folder. A process that was started a moment ago may not have its group yet.
    internal const string Script =
        """
        trap '' INT TERM HUP PIPE
        nl='
        '
        live=$nl
        while IFS= read -r line; do
          item=${line#?}
          case $line in
            +*) live=$live$item$nl ;;
            -*) case $live in *"$nl$item$nl"*) live=${live%%"$nl$item$nl"*}$nl${live#*"$nl$item$nl"} ;; esac ;;
          esac
        done
        set -f
        IFS=$nl
        end() { kill -s KILL -- "-$1" || { kill -s KILL "$1" && kill -s KILL -- "-$1"; }; }
        for item in $live; do case $item in g*) end "${item#g}" ;; esac; done 2>/dev/null
        for item in $live; do case $item in d*) rm -rf -- "${item#d}" ;; esac; done 2>/dev/null
        """;

    private static readonly Lock Gate = new();
    private static Process? _shell;

    /// <param name="processGroup">Or the process that becomes its leader.</param>
    public static void Watch(int processGroup) => Tell($"+g{processGroup}");

    public static void Release(int processGroup) => Tell($"-g{processGroup}");

    public static void Watch(string folder) => Tell($"+d{folder}");

    public static void Release(string folder) => Tell($"-d{folder}");

    private static void Tell(string line)
    {
        lock (Gate)
        {
            _shell ??= Start();
            try
            {
                _shell.StandardInput.Write(line + '\n');
                _shell.StandardInput.Flush();
            }
            catch (IOException)
            {
                // Somebody killed the guardian: what we start is still ended by us, only not after a SIGKILL of ourselves.
            }
        }
    }

    private static Process Start()
    {
        ProcessStartInfo info = new() { RedirectStandardInput = true };
        GuardedStart.InSession(info, ["/bin/sh", "-c", Script]);
        Process shell = Process.Start(info)!;
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            lock (Gate)
            {
                shell.StandardInput.Close();
                shell.WaitForExit(1000);
            }
        };
        return shell;
    }
}
