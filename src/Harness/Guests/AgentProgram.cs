using System.Security.Cryptography;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>
/// The agent as a native program. It is compiled from its sources when it is first needed, and kept in the cache under the hash of what it was
/// made from; other processes that need it meanwhile wait.
/// </summary>
public static class AgentProgram
{
    private const string FileName = "Vsockspec.Agent";
    private const int MaxBytes = 16 << 20;
    private static readonly TimeSpan CompileTime = TimeSpan.FromMinutes(5);

    /// <summary>What the agent is made from, below the folder of the solution.</summary>
    private static readonly string[] Inputs = ["src/Agent", "src/Harness/Guests/Protocol", "Directory.Build.props", "Directory.Packages.props"];

    /// <summary>Absolute path of the agent.</summary>
    /// <param name="cache">Folder for agents; made when needed.</param>
    /// <param name="progress">Is told in a line what takes time.</param>
    /// <exception cref="GuestException">There are no sources, or they do not compile here.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static string Find(string cache, Action<string> progress, CancellationToken cancellation)
    {
        string beside = Path.Combine(AppContext.BaseDirectory, "agent", FileName);
        if (File.Exists(beside))
        {
            return beside;
        }

        string sources = Sources() ?? throw new GuestException(
            $"there is neither an agent at {beside} nor its sources above {AppContext.BaseDirectory}; run vsockspec from a clone that was built");
        string place = Path.Combine(cache, HashOf(sources));
        string program = Path.Combine(place, FileName);
        if (File.Exists(program))
        {
            return program;
        }

        try
        {
            Directory.CreateDirectory(cache);
            using CacheLock theCache = CacheLock.Acquire(cache, () => progress("waiting for another process that compiles the agent"), cancellation);
            if (!File.Exists(program))
            {
                progress("compiling the agent (once)");
                Compile(sources, place, cancellation);
            }

            return program;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new GuestException($"{cache}: {e.Message}; set XDG_CACHE_HOME to a folder that can be written and has room", e);
        }
    }

    private static void Compile(string sources, string place, CancellationToken cancellation)
    {
        string[] missing = [.. ((string[])["clang", "ld.lld"]).Where(tool => ToolBox.OfThisMachine.Find(tool) is null)];
        if (missing.Length > 0)
        {
            throw new GuestException($"{string.Join(" and ", missing)}: missing, needed to compile the agent; sudo apt-get install -y clang lld zlib1g-dev");
        }

        string work = $"{place}.unfinished";
        if (Directory.Exists(work))
        {
            // We hold the lock: it belongs to nobody any more.
            Directory.Delete(work, recursive: true);
        }

        Guardian.Watch(work);
        try
        {
            // No server that outlives the compilation is started.
            ToolOutput output = ToolBox.Run(
                DotNet.Host,
                [
                    "publish", Path.Combine(sources, "src", "Agent", "Agent.csproj"), "--configuration", "Release", "--runtime", "linux-x64",
                    "--output", work, "--nologo", "-verbosity:quiet", "-nodeReuse:false", "-p:UseSharedCompilation=false", "-p:StripSymbols=true",
                ],
                sources,
                MaxBytes,
                CompileTime,
                cancellation);
            if (output.ExitCode != 0 || !File.Exists(Path.Combine(work, FileName)))
            {
                throw new GuestException($"the agent does not compile here:\n{Printable.Clean(output.Text)}{output.Errors}");
            }

            Directory.Move(work, place);
        }
        catch (KernelException e)
        {
            throw new GuestException($"the agent does not compile here: {e.Message}", e);
        }
        finally
        {
            if (Directory.Exists(work))
            {
                Directory.Delete(work, recursive: true);
            }

            Guardian.Release(work);
        }
    }

    /// <summary>The folder of the solution that this program was built from.</summary>
    private static string? Sources()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Conformance.sln")) && Directory.Exists(Path.Combine(folder, Inputs[0])))
            {
                return folder;
            }
        }

        return null;
    }

    /// <summary>Over names and contents, in the order of names, and the runtime's version, which chooses the compiler's.</summary>
    private static string HashOf(string sources)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(System.Text.Encoding.UTF8.GetBytes(Environment.Version.ToString()));
        foreach (string file in Inputs.SelectMany(input => FilesOf(Path.Combine(sources, input))))
        {
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes(Path.GetRelativePath(sources, file) + "\n"));
            hash.AppendData(File.ReadAllBytes(file));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..32];
    }

    private static IEnumerable<string> FilesOf(string input) => Directory.Exists(input)
        ? Directory.EnumerateFiles(input).Order(StringComparer.Ordinal)
        : [input];
}
