using Tmds.Linux;

namespace Vsockspec.Interop;

/// <summary>On which processors a thread may run: sched_setaffinity(2). For the calling thread, held until disposed, on the same thread.</summary>
public sealed unsafe class CpuAffinity : IDisposable
{
    private readonly cpu_set_t before;

    private CpuAffinity(cpu_set_t before) => this.before = before;

    /// <summary>Numbers of the processors that the calling thread may use now, ascending; empty where the system does not tell.</summary>
    public static IReadOnlyList<int> Allowed()
    {
        cpu_set_t set = default;
        if (LibC.sched_getaffinity(0, sizeof(cpu_set_t), &set) < 0)
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
        cpu_set_t one = Only(cpu);
        return LibC.sched_getaffinity(0, sizeof(cpu_set_t), &before) >= 0 && LibC.sched_setaffinity(0, sizeof(cpu_set_t), &one) == 0
            ? new CpuAffinity(before)
            : null;
    }

    /// <summary>Keeps a process that has one thread on one processor, with all it starts from then on; false where the system refuses, and it runs where it did.</summary>
    /// <param name="cpu">One of <see cref="Allowed"/>.</param>
    public static bool PinProcess(int id, int cpu)
    {
        cpu_set_t one = Only(cpu);
        return LibC.sched_setaffinity(id, sizeof(cpu_set_t), &one) == 0;
    }

    public void Dispose()
    {
        cpu_set_t set = before;
        _ = LibC.sched_setaffinity(0, sizeof(cpu_set_t), &set);
    }

    private static cpu_set_t Only(int cpu)
    {
        cpu_set_t one = default;
        Span<byte> bits = new(&one, sizeof(cpu_set_t));
        ArgumentOutOfRangeException.ThrowIfNegative(cpu);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(cpu, 8 * bits.Length);
        bits[cpu / 8] |= (byte)(1 << (cpu % 8));
        return one;
    }
}
