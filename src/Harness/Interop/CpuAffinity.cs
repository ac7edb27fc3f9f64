using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>On which processors a thread may run: sched_setaffinity(2). For the calling thread, held until disposed, on the same thread.</summary>
public sealed unsafe class CpuAffinity : IDisposable
{
    private readonly cpu_set_t before;

    private CpuAffinity(cpu_set_t before) => this.before = before;

    /// <summary>Numbers of the processors that a thread may use now, ascending; empty where the system does not tell, or there is no such thread.</summary>
    /// <param name="thread">Its number; 0: the calling one.</param>
    public static IReadOnlyList<int> Allowed(int thread = 0)
    {
        cpu_set_t set = default;
        if (LibC.sched_getaffinity(thread, sizeof(cpu_set_t), &set) < 0)
        {
            return [];
        }

        ReadOnlySpan<byte> bits = new(&set, sizeof(cpu_set_t));
        List<int> allowed = [];
        for (int cpu = 0; cpu < 8 * bits.Length; cpu++)
        {
            if ((bits[cpu / 8] & (1 << (cpu % 8))) != 0)
            {
                allowed.Add(cpu);
            }
        }

        return allowed;
    }

    /// <summary>Keeps the calling thread on one processor; null where the system refuses, and the thread runs where it did.</summary>
    /// <param name="cpu">One of <see cref="Allowed"/>.</param>
    public static CpuAffinity? Pin(int cpu)
    {
        cpu_set_t before = default;
        cpu_set_t one = Of([cpu]);
        return LibC.sched_getaffinity(0, sizeof(cpu_set_t), &before) >= 0 && LibC.sched_setaffinity(0, sizeof(cpu_set_t), &one) == 0
            ? new CpuAffinity(before)
            : null;
    }

    /// <summary>Keeps a thread (of a process that has one: the process) on some processors, with all that it starts from then on; false where the system refuses, and it runs where it did.</summary>
    /// <param name="thread">Its number.</param>
    /// <param name="cpus">Some of <see cref="Allowed"/>.</param>
    public static bool Place(int thread, params ReadOnlySpan<int> cpus)
    {
        cpu_set_t set = Of(cpus);
        return LibC.sched_setaffinity(thread, sizeof(cpu_set_t), &set) == 0;
    }

    public void Dispose()
    {
        cpu_set_t set = before;
        _ = LibC.sched_setaffinity(0, sizeof(cpu_set_t), &set);
    }

    private static cpu_set_t Of(ReadOnlySpan<int> cpus)
    {
        cpu_set_t set = default;
        Span<byte> bits = new(&set, sizeof(cpu_set_t));
        foreach (int cpu in cpus)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(cpu);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(cpu, 8 * bits.Length);
            bits[cpu / 8] |= (byte)(1 << (cpu % 8));
        }

        return set;
    }
}
