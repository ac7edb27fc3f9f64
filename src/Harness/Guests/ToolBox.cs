using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Tmds.Linux;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>What a program of the system said.</summary>
/// <param name="ExitCode">128 and more when a signal ended it.</param>
/// <param name="Errors">The beginning of its standard error, at most 64 KiB, without surrounding white space.</param>
public sealed record ToolOutput(int ExitCode, byte[] Output, string Errors)
{
    public string Text => Encoding.UTF8.GetString(Output);
}

/// <summary>Finds and runs programs of the system that work for us and end by themselves: apt-get, dpkg-deb, depmod, xz. Thread-safe.</summary>
/// <param name="folders">Where to look, first one first.</param>
public sealed class ToolBox(IReadOnlyList<string> folders)
{
    private const int SigKill = 9;
    private const int MaxErrorBytes = 64 << 10;

    /// <summary>
    /// PATH, then the folders of system programs, which Debian leaves out of a normal user's PATH, and those of programs that others
    /// start: virtiofsd is in /usr/lib/qemu up to Debian 12 and in /usr/libexec since.
    /// </summary>
    public static ToolBox OfThisMachine { get; } = new(
    [
        .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries),
        "/usr/sbin",
        "/sbin",
        "/usr/lib/qemu",
        "/usr/libexec",
    ]);

    /// <summary>Full path of a program; null when there is none.</summary>
    public string? Find(string name) => folders.Select(f => Path.Combine(f, name)).FirstOrDefault(Executable.IsExecutable);

    /// <summary>Runs a program to its end, in the C locale, without input. A cancelled or late one is killed with its children.</summary>
    /// <param name="program">Full path.</param>
    /// <param name="workingFolder">Null: the current one.</param>
    /// <param name="maxOutput">Bytes of standard output, at most.</param>
    /// <exception cref="KernelException">It did not start, took longer than its time or said more than it may.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the program is gone.</exception>
    public static ToolOutput Run(
        string program,
        IEnumerable<string> arguments,
        string? workingFolder,
        int maxOutput,
        TimeSpan time,
        CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        ProcessStartInfo info = new()
        {
            WorkingDirectory = workingFolder ?? "",
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        info.Environment["LC_ALL"] = "C";
        using Process process = Start(info, [program, .. arguments]);
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        end.CancelAfter(time);
        try
        {
            using CancellationTokenRegistration killing = end.Token.Register(() => Kill(process));
            Task<byte[]> errors = ReadSome(process.StandardError.BaseStream, MaxErrorBytes, () => { });
            bool tooMuch = false;
            byte[] output = ReadSome(
                process.StandardOutput.BaseStream,
                maxOutput,
                () =>
                {
                    tooMuch = true;
                    Kill(process);
                }).GetAwaiter().GetResult();
            string said = Encoding.UTF8.GetString(errors.GetAwaiter().GetResult()).Trim();
            process.WaitForExit();
            cancellation.ThrowIfCancellationRequested();
            string? problem = tooMuch ? $"wrote more than {maxOutput} bytes"
                : end.IsCancellationRequested ? $"did not end within {time.TotalSeconds:0} s; it said: {said}"
                : null;
            return problem is null ? new ToolOutput(process.ExitCode, output, said) : throw KernelException.OfMachine($"{program}: {problem}");
        }
        finally
        {
            Guardian.Release(process.Id);
        }
    }

    private static Process Start(ProcessStartInfo info, IReadOnlyList<string> command)
    {
        try
        {
            return GuardedStart.Start(info, command);
        }
        catch (Win32Exception e)
        {
            throw KernelException.OfMachine($"{command[0]}: {e.Message}", e);
        }
    }

    private static void Kill(Process process)
    {
        try
        {
            if (process.HasExited)
            {
                return;
            }

            if (GuardedStart.HasSession)
            {
                _ = LibC.kill(-process.Id, SigKill);
            }

            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // It ended by itself in the meantime.
        }
    }

    /// <summary>Reads to the end so that the writer never waits; keeps the first bytes.</summary>
    private static async Task<byte[]> ReadSome(Stream stream, int limit, Action onMore)
    {
        using MemoryStream kept = new();
        byte[] buffer = new byte[64 << 10];
        bool told = false;
        while (true)
        {
            int read = await stream.ReadAsync(buffer).ConfigureAwait(false);
            if (read == 0)
            {
                return kept.ToArray();
            }

            int fits = (int)Math.Min(read, limit - kept.Length);
            kept.Write(buffer, 0, fits);
            if (fits < read && !told)
            {
                told = true;
                onMore();
            }
        }
    }
}
