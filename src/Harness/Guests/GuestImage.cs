using System.Security.Cryptography;
using System.Text;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Guests;

/// <summary>A program that a guest has beside its agent.</summary>
/// <param name="Place">Absolute path in the guest.</param>
/// <param name="Source">Path of the program here; needs no libraries.</param>
public sealed record GuestFile(string Place, string Source);

/// <summary>
/// What a guest boots beside its kernel: an initramfs with the agent as the first process, the libraries it needs and the vsock modules. The same
/// inputs give the same bytes.
/// </summary>
public sealed class GuestImage
{
    private const string Loader = "/lib64/ld-linux-x86-64.so.2";

    /// <summary>Modules in the order in which they are asked for; what they need comes before them.</summary>
    private static readonly string[] Modules = ["vsock", "vmw_vsock_virtio_transport", "vsock_loopback", "vsock_diag"];

    private static readonly string[] Libraries = ["libc.so.6", "libm.so.6"];

    private static readonly string[] LibraryFolders = ["/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"];

    private GuestImage(byte[] content)
    {
        Content = content;
        Digest = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(content))}";
    }

    /// <summary>The archive.</summary>
    public ReadOnlyMemory<byte> Content { get; }

    /// <summary><c>sha256:</c> and 64 hexadecimal digits over the archive.</summary>
    public string Digest { get; }

    /// <param name="agent">Path of the agent.</param>
    /// <param name="busyBox">Path of a busybox that needs no libraries, for people's shells; null: the guest has none.</param>
    /// <param name="machineModules">Modules that the machine's devices need, loaded first; null: none.</param>
    /// <param name="programs">Further programs; null: none.</param>
    /// <exception cref="KernelException">The kernel lacks a module.</exception>
    /// <exception cref="GuestException">The agent or a library cannot be read.</exception>
    public static GuestImage Build(
        GuestKernel kernel,
        string agent,
        string? busyBox,
        CancellationToken cancellation,
        IEnumerable<string>? machineModules = null,
        IEnumerable<GuestFile>? programs = null)
    {
        using MemoryStream content = new();
        using (CpioArchive archive = new(content))
        {
            foreach (string folder in (string[])["dev", "proc", "sys", "tmp"])
            {
                archive.AddFolder(folder);
            }

            archive.AddCharDevice("dev/console", (5, 1));
            archive.AddFile("init", Read(agent), CpioArchive.Program);
            archive.AddFile(Loader, Read(Loader), CpioArchive.Program);
            foreach (string library in Libraries)
            {
                string path = LibraryFolders.Select(f => Path.Combine(f, library)).FirstOrDefault(File.Exists)
                    ?? throw new GuestException($"{library} is in none of {string.Join(", ", LibraryFolders)}; the agent needs glibc: install libc6");
                archive.AddFile(path, Read(path), CpioArchive.Program);
            }

            if (busyBox is not null)
            {
                archive.AddFile("bin/busybox", Read(busyBox), CpioArchive.Program);
            }

            foreach (GuestFile program in (programs ?? []).OrderBy(p => p.Place, StringComparer.Ordinal))
            {
                archive.AddFile(program.Place, Read(program.Source), CpioArchive.Program);
            }

            StringBuilder order = new();
            foreach (KernelModule module in ModuleSet.Of(kernel).LoadOrder((machineModules ?? []).Concat(Modules)))
            {
                string path = $"/lib/vsockspec/{module.Name}.ko";
                archive.AddFile(path, module.Read(cancellation));
                order.Append(path).Append('\n');
            }

            archive.AddFile(AgentProtocol.ModuleList, Encoding.UTF8.GetBytes(order.ToString()));
        }

        return new GuestImage(content.ToArray());
    }

    /// <summary>Writes the archive to a file.</summary>
    public void Save(string file)
    {
        using FileStream stream = File.Create(file);
        stream.Write(Content.Span);
    }

    private static byte[] Read(string file)
    {
        try
        {
            return File.ReadAllBytes(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new GuestException($"{file}: {e.Message}; the guest's image needs it", e);
        }
    }
}
