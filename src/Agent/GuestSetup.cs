using System.Runtime.InteropServices;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>Makes a bare kernel into a guest: file systems and modules. What fails is told in the hello, and the guest goes on without it.</summary>
internal static class GuestSetup
{
    private const int InitModule = 175;

    /// <summary>RLIMIT_NOFILE. The kernel gives its first process 1024, and one application may want more connections.</summary>
    private const int FilesLimit = 7;
    private const ulong MaxFiles = 16384;

    private static readonly (string Type, string Place)[] FileSystems = [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/tmp")];

    public static List<string> Run()
    {
        List<string> problems = [];
        ResourceLimit files = new() { Soft = MaxFiles, Hard = MaxFiles };
        if (Libc.SetLimit(FilesLimit, ref files) != 0)
        {
            problems.Add($"{MaxFiles} descriptors: errno {Marshal.GetLastPInvokeError()}");
        }

        foreach ((string type, string place) in FileSystems)
        {
            if (Libc.Mount(type, place, type, 0, 0) != 0)
            {
                problems.Add($"{type} on {place}: errno {Marshal.GetLastPInvokeError()}");
            }
        }

        if (File.Exists(AgentProtocol.ModuleList))
        {
            foreach (string path in File.ReadAllLines(AgentProtocol.ModuleList))
            {
                byte[] image = File.ReadAllBytes(path);
                if (image.Length == 0 || Libc.InitModule(InitModule, ref image[0], image.Length, "") != 0)
                {
                    problems.Add($"module {path}: errno {Marshal.GetLastPInvokeError()}");
                }
            }
        }

        return problems;
    }

    /// <summary>The value of <c>name=value</c> on the kernel's command line.</summary>
    public static string? KernelOption(string name) =>
        File.ReadAllText("/proc/cmdline").Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
            .Where(word => word.StartsWith(name + "=", StringComparison.Ordinal))
            .Select(word => word[(name.Length + 1)..])
            .LastOrDefault();

    public static string Release() => File.ReadAllText("/proc/sys/kernel/osrelease").Trim();

    public static TimeSpan UpTime() =>
        TimeSpan.FromSeconds(double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture));
}
