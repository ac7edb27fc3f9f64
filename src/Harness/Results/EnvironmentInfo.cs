using System.Runtime.InteropServices;

namespace Vsockspec.Results;

/// <summary>The machine that a run took place on.</summary>
public sealed record EnvironmentInfo(string Os, string Kernel, string Architecture, string Cpu, int Cores, long MemoryMiB, string DotNet)
{
    public static EnvironmentInfo OfThisMachine() => new(
        Value("/etc/os-release", "PRETTY_NAME", '=')?.Trim('"') ?? "Linux",
        Environment.OSVersion.Version.ToString() is var version && File.Exists("/proc/sys/kernel/osrelease")
            ? File.ReadAllText("/proc/sys/kernel/osrelease").Trim()
            : version,
        RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant(),
        Value("/proc/cpuinfo", "model name", ':') ?? "unknown",
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 20,
        RuntimeInformation.FrameworkDescription);

    /// <summary>The value of the first line <c>name: value</c> of a system file; null when file or line is not there.</summary>
    private static string? Value(string file, string name, char separator)
    {
        if (!File.Exists(file))
        {
            return null;
        }

        foreach (string line in File.ReadLines(file))
        {
            string[] parts = line.Split(separator, 2);
            if (parts.Length == 2 && parts[0].Trim() == name)
            {
                return parts[1].Trim();
            }
        }

        return null;
    }
}
