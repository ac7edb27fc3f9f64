using System.CommandLine;
using Vsockspec.Results;

namespace Vsockspec.Cli;

/// <summary>A run that takes place in a lab, and goes on in a fresh one when the kernel ended under it.</summary>
internal sealed class LabRun
{
    private readonly string _folder;
    private long _progress;

    private LabRun(IReadOnlyList<string> arguments, string folder)
    {
        Arguments = arguments;
        _folder = folder;
    }

    /// <summary>The run's, with the folder of its bundle named.</summary>
    public IReadOnlyList<string> Arguments { get; }

    /// <summary>Null when the arguments are those of another command.</summary>
    public static LabRun? Of(ParseResult parsed, IReadOnlyList<string> arguments, DateTimeOffset now)
    {
        if (parsed.CommandResult.Command.Name is not ("run" or "certify"))
        {
            return null;
        }

        if ((parsed.GetValue<string?>("--out") ?? parsed.GetValue<string?>("--resume")) is { } named)
        {
            return new LabRun(arguments, Path.GetFullPath(named));
        }

        string folder = RunSession.DefaultFolder(now, Path.GetFileNameWithoutExtension(AdoptedSelection.TargetOf(parsed)));
        return new LabRun([.. arguments, "--out", folder], Path.GetFullPath(folder));
    }

    /// <summary>
    /// Leaves the kernel's last words with the bundle and gives the arguments with which the run goes on. Null when it cannot: the last lab has brought nothing new.
    /// </summary>
    public IReadOnlyList<string>? AfterCrash(string? panic)
    {
        // Both only grow while a run goes on: every lab adds the result of the case that ended the one before it, or that it is to be begun once more.
        long started = Length(Bundle.StartedFile);
        long progress = started + Length(Bundle.CasesFile);
        if (started == 0 || progress == _progress)
        {
            return null;
        }

        _progress = progress;

        if (panic is not null)
        {
            Bundle.LeavePanic(_folder, panic);
        }

        return [.. WithoutFolder(Arguments), "--resume", _folder];
    }

    private long Length(string name) => new FileInfo(Path.Combine(_folder, name)) is { Exists: true } file ? file.Length : 0;

    private static IEnumerable<string> WithoutFolder(IReadOnlyList<string> arguments)
    {
        for (int i = 0; i < arguments.Count; i++)
        {
            if (arguments[i] is "--out" or "--resume")
            {
                i++;
            }
            else if (!arguments[i].StartsWith("--out=", StringComparison.Ordinal) && !arguments[i].StartsWith("--resume=", StringComparison.Ordinal))
            {
                yield return arguments[i];
            }
        }
    }
}
