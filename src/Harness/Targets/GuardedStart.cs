using System.Diagnostics;
using Vsockspec.Interop;

namespace Vsockspec.Targets;

/// <summary>
/// Starts programs that do not outlive this process, whenever and however it ends. A program begins only when the <see cref="Guardian"/> knows of it: until then a small shell stands in its
/// place, which ends when we are gone.
/// </summary>
internal static class GuardedStart
{
    /// <summary>
    /// Becomes the program at the first line of its standard input, and ends at the end of it. It reads no further than that line, so that the program finds nothing there.
    /// </summary>
    private const string Gate = $"read -r {GateVariable} && exec \"$@\"";

    private const string GateVariable = "vsockspec_gate";

    /// <summary>util-linux's (or busybox's) setsid. Without it a program's own children are found through /proc when it is ended.</summary>
    private static readonly string? SetSid = Executable.OnPath("setsid");

    /// <summary>Whether a command gets a process group of its own.</summary>
    public static bool HasSession => SetSid is not null;

    /// <summary>
    /// Starts a command, with its standard input at its end. The process id is the command's. Whoever has seen it end says so with <see cref="Guardian.Release(int)"/>.
    /// </summary>
    /// <param name="info">Everything but the command.</param>
    /// <param name="cpu">The processor that it and all it starts is kept on, where the system allows that; null: wherever the scheduler wants.</param>
    /// <exception cref="System.ComponentModel.Win32Exception">The system refused to start anything.</exception>
    public static Process Start(ProcessStartInfo info, IReadOnlyList<string> command, int? cpu = null)
    {
        Process process = StartGate(info, command);
        Guardian.Watch(process.Id);
        if (cpu is { } one)
        {
            _ = CpuAffinity.Place(process.Id, one);
        }

        using Stream gate = process.StandardInput.BaseStream;
        try
        {
            gate.WriteByte((byte)'\n');
        }
        catch (IOException)
        {
            // It has ended already, which is seen next.
        }

        return process;
    }

    /// <summary>Starts the gate alone: a line on its standard input makes it the command, the end of it ends it.</summary>
    internal static Process StartGate(ProcessStartInfo info, IReadOnlyList<string> command)
    {
        // The shell passes on only variables that it could have itself, and changes one.
        string[] others = [.. info.Environment.Where(v => v.Value is not null && !IsShellName(v.Key)).Select(v => $"{v.Key}={v.Value}")];
        info.RedirectStandardInput = true;
        InSession(info, ["/bin/sh", "-c", Gate, "sh", .. others.Length == 0 ? others : ["/usr/bin/env", .. others], .. command]);
        return Process.Start(info)!;
    }

    /// <summary>
    /// Puts the command under setsid: a Ctrl-C at the terminal then reaches only us, and one kill reaches everything the command starts.
    /// setsid replaces itself by the command, so the process id is the command's.
    /// </summary>
    internal static void InSession(ProcessStartInfo info, IReadOnlyList<string> command)
    {
        IEnumerable<string> words = SetSid is null ? command : command.Prepend(SetSid);
        info.FileName = words.First();
        foreach (string word in words.Skip(1))
        {
            info.ArgumentList.Add(word);
        }
    }

    private static bool IsShellName(string name) => name != GateVariable && !char.IsAsciiDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');
}
