using System.Security.Cryptography;
using System.Text;

namespace Vsockspec.Guests;

/// <summary>Takes the tests out of a kernel's source and compiles them.</summary>
internal sealed class VsockTestBuild(ToolBox tools, AptPackages packages)
{
    /// <summary>Names the way in which they are built: a change of it is another name, and builds again what is cached.</summary>
    public const string Recipe = "static-1";

    /// <summary>Static, so that a guest needs no libraries.</summary>
    private const string Static = "LDFLAGS=-static";

    private const string Tests = "tools/testing/vsock";
    private const string UringPackage = "liburing-dev";

    /// <summary>From the folder of the tests to that of liburing.</summary>
    private const string UringPlace = "../../../liburing";

    private const int MaxOutput = 1 << 20;
    private const int MaxFiles = 20_000;
    private static readonly string[] Needed = [Tests, "tools/include"];
    private static readonly string[] Libraries = ["usr/lib/x86_64-linux-gnu", "usr/lib"];
    private static readonly TimeSpan UnpackTime = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan CompileTime = TimeSpan.FromMinutes(5);

    /// <summary>Unpacks what is needed of the source's archive; gives the digest of it.</summary>
    /// <param name="package">The unpacked package.</param>
    /// <param name="line">Of the kernel, <c>6.12</c>.</param>
    /// <param name="source">A folder that has nothing.</param>
    /// <exception cref="KernelException">The package has no such archive, or the archive not these folders.</exception>
    public string Unpack(string package, string line, string source, CancellationToken cancellation)
    {
        string archive = Path.Combine(package, "usr", "src", $"linux-source-{line}.tar.xz");
        if (!File.Exists(archive))
        {
            throw KernelException.OfMachine($"linux-source-{line}: the package has no usr/src/linux-source-{line}.tar.xz; choose another source");
        }

        Directory.CreateDirectory(source);
        ToolOutput output = ToolBox.Run(
            Find("tar", "tar"),
            ["-xJf", archive, "-C", source, "--no-same-owner", "--strip-components=1", .. Needed.Select(n => $"linux-source-{line}/{n}")],
            null,
            MaxOutput,
            UnpackTime,
            cancellation);
        return output.ExitCode == 0
            ? DigestOf(source)
            : throw KernelException.OfMachine($"linux-source-{line}: {Tests} cannot be unpacked: {output.Errors}");
    }

    /// <summary>Compiles the programs; those that need what is not there are left out, with the reason.</summary>
    /// <param name="source">Where the source was unpacked to; gets more files.</param>
    /// <param name="folder">Gets the programs.</param>
    /// <exception cref="KernelException">The tests themselves do not compile.</exception>
    public IReadOnlyList<BuiltProgram> Compile(string source, string folder, CancellationToken cancellation)
    {
        string? uring = FetchUring(source, cancellation);
        return [.. VsockTests.Names.Select(name => Compile(source, name, folder, name == VsockTests.Uring ? uring : null, cancellation))];
    }

    private BuiltProgram Compile(string source, string name, string folder, string? obstacle, CancellationToken cancellation)
    {
        string? missing = obstacle ?? Make(source, name, cancellation);
        if (missing is not null)
        {
            return name == VsockTests.Test ? throw KernelException.OfMachine($"{name} does not compile here: {missing}") : new BuiltProgram(name, null, missing);
        }

        string program = Path.Combine(folder, name);
        File.Move(Path.Combine(source, Tests, name), program);
        return new BuiltProgram(name, KernelFiles.Digest(program)["sha256:".Length..], null);
    }

    /// <summary>Null when the program is there; otherwise why not.</summary>
    private string? Make(string source, string name, CancellationToken cancellation)
    {
        string[] uring = name == VsockTests.Uring
            ? [$"CC=cc -I{UringPlace}/usr/include {string.Join(' ', Libraries.Select(l => $"-L{UringPlace}/{l}"))}"]
            : [];
        string folder = Path.Combine(source, Tests);
        _ = Find("cc", "gcc libc6-dev linux-libc-dev");
        ToolOutput output = ToolBox.Run(
            Find("make", "make"), ["--no-print-directory", Static, .. uring, name], folder, MaxOutput, CompileTime, cancellation);
        return output.ExitCode == 0 && File.Exists(Path.Combine(folder, name)) ? null : LastOf(output.Errors);
    }

    /// <summary>liburing's headers and library beside the source, not installed. Null when they are there; otherwise why not.</summary>
    private string? FetchUring(string source, CancellationToken cancellation)
    {
        string work = Directory.CreateDirectory(Path.Combine(source, "liburing.deb")).FullName;
        try
        {
            if (packages.Find(UringPackage, cancellation) is not { } package)
            {
                return $"the package lists of this machine have no {UringPackage}";
            }

            packages.Unpack(packages.Download(package, work, cancellation), Path.Combine(source, "liburing"), cancellation);
            return null;
        }
        catch (KernelException e)
        {
            return e.Message;
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }

    private string Find(string tool, string package) => tools.Find(tool)
        ?? throw KernelException.OfMachine($"{tool} is missing, needed to build {VsockTestName.Suite}; install it: sudo apt-get install -y {package}");

    /// <summary>Over names and contents, in the order of names. The archive has no links among what is taken.</summary>
    private static string DigestOf(string source)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        string[] files = [.. Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories).Take(MaxFiles).Order(StringComparer.Ordinal)];
        foreach (string file in files)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{Path.GetRelativePath(source, file)}\n"));
            hash.AppendData(SHA256.HashData(File.ReadAllBytes(file)));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string LastOf(string errors) =>
        string.Join("; ", errors.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).TakeLast(3));
}
