using System.IO.Compression;

namespace Vsockspec.Guests;

/// <summary>One module of a kernel.</summary>
/// <param name="Name">As lsmod(8) prints it: with underscores.</param>
/// <param name="File">Absolute path of its <c>.ko</c>, which may be compressed: <c>.xz</c>, <c>.zst</c>, <c>.gz</c>.</param>
public sealed record KernelModule(string Name, string File)
{
    private const int MaxBytes = 256 << 20;
    private static readonly TimeSpan DecompressTime = TimeSpan.FromMinutes(1);

    /// <summary>The module as init_module(2) takes it, decompressed.</summary>
    /// <exception cref="KernelException">Not readable, damaged, larger than 256 MiB, or the program that decompresses it is missing.</exception>
    public byte[] Read(CancellationToken cancellation)
    {
        try
        {
            return Path.GetExtension(File) switch
            {
                ".xz" => Decompress("xz", "xz-utils", cancellation),
                ".zst" => Decompress("zstd", "zstd", cancellation),
                ".gz" => Gunzip(),
                _ => System.IO.File.ReadAllBytes(File),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw KernelException.OfMachine($"{File}: {e.Message}; fetch or install the kernel's package again", e);
        }
    }

    private byte[] Decompress(string tool, string package, CancellationToken cancellation)
    {
        string program = ToolBox.OfThisMachine.Find(tool)
            ?? throw KernelException.OfMachine($"{File}: {tool} is missing; install it: sudo apt-get install -y {package}");
        ToolOutput output = ToolBox.Run(program, ["-dc", "--", File], null, MaxBytes, DecompressTime, cancellation);
        return output.ExitCode == 0
            ? output.Output
            : throw KernelException.OfMachine($"{File}: cannot be decompressed: {output.Errors}; fetch or install the kernel's package again");
    }

    private byte[] Gunzip()
    {
        using GZipStream packed = new(System.IO.File.OpenRead(File), CompressionMode.Decompress);
        using MemoryStream module = new();
        byte[] buffer = new byte[64 << 10];
        for (int read; (read = packed.Read(buffer)) > 0;)
        {
            module.Write(buffer, 0, read);
            if (module.Length > MaxBytes)
            {
                throw new InvalidDataException($"is larger than {MaxBytes} bytes");
            }
        }

        return module.ToArray();
    }
}
