using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>What a kernel was built with, as its <c>.config</c> says.</summary>
public static class GuestKernelOptions
{
    private const long MaxBytes = 4 << 20;

    /// <summary>
    /// Checks that the kernel has every option: built in, or as a module if the kernel came with its modules. A kernel that came without
    /// its configuration passes: what it has shows when it boots.
    /// </summary>
    /// <param name="needed">Options such as <c>CONFIG_VHOST_VSOCK</c>, and for what each is needed.</param>
    /// <exception cref="KernelException">Options are missing (all are named), or the configuration cannot be read.</exception>
    public static void Require(GuestKernel kernel, IEnumerable<(string Option, string Why)> needed)
    {
        if (kernel.ConfigFile is not { } file)
        {
            return;
        }

        Dictionary<string, string> options = Read(file);
        string[] missing =
        [
            .. from need in needed
               let problem = Problem(kernel, need.Option, options.GetValueOrDefault(need.Option, "n"))
               where problem is not null
               select $"{problem}, needed for {need.Why}",
        ];
        if (missing.Length > 0)
        {
            throw KernelException.OfInput(
                $"kernel {kernel.Name} ({kernel.Release}) lacks {string.Join("; ", missing)}; "
                + $"choose another kernel, or build one with it (see {file})");
        }
    }

    /// <summary>Null when the option will do.</summary>
    private static string? Problem(GuestKernel kernel, string option, string value) => value switch
    {
        "y" => null,
        "m" when kernel.ModulesFolder is not null => null,
        "m" => $"{option} (it is a module, and the kernel came without modules)",
        _ => option,
    };

    private static Dictionary<string, string> Read(string file)
    {
        try
        {
            if (new FileInfo(file).Length > MaxBytes)
            {
                throw KernelException.OfInput($"{file}: is larger than {MaxBytes} bytes; give the configuration that the kernel was built with");
            }

            Dictionary<string, string> options = new(StringComparer.Ordinal);
            foreach (string line in File.ReadLines(file))
            {
                int equals = line.IndexOf('=', StringComparison.Ordinal);
                if (equals > 0 && line[0] != '#')
                {
                    options[line[..equals]] = Printable.Clean(line[(equals + 1)..].Trim());
                }
            }

            return options;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw KernelException.OfInput($"{file}: {e.Message}; make it readable, or remove it", e);
        }
    }
}
