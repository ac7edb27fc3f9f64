namespace Vsockspec.Guests;

/// <summary>What KVM did for a guest: whether its processors ran under it, and whether kicks and interrupts went by without the VMM.</summary>
/// <param name="Processors">Virtual processors of KVM that the VMM holds.</param>
/// <param name="Exits">Exits of this machine's virtual processors, those of other guests too.</param>
/// <param name="UserExits">Exits that went up to the VMM.</param>
/// <param name="Kicks">Calls of KVM's <c>ioeventfd_write</c>.</param>
/// <param name="KickedBy">The tasks that made them.</param>
/// <param name="Interrupts">Calls of KVM's <c>irqfd_wakeup</c>.</param>
/// <param name="InterruptedBy">The tasks that made them: vhost's own where the device is the kernel's.</param>
public sealed record KvmActivity(
    int Processors,
    long Exits,
    long UserExits,
    long Kicks,
    IReadOnlyList<string> KickedBy,
    long Interrupts,
    IReadOnlyList<string> InterruptedBy)
{
    private const int MaxTasks = 20;

    /// <summary>Both together.</summary>
    public KvmActivity With(KvmActivity more) => new(
        Math.Max(Processors, more.Processors),
        Exits + more.Exits,
        UserExits + more.UserExits,
        Kicks + more.Kicks,
        [.. KickedBy.Union(more.KickedBy).Take(MaxTasks)],
        Interrupts + more.Interrupts,
        [.. InterruptedBy.Union(more.InterruptedBy).Take(MaxTasks)]);
}

/// <summary>Watches what KVM does from now on. One thread at a time.</summary>
public sealed class KvmWitness : IDisposable
{
    private readonly int _process;
    private readonly List<KernelCounter> _counters = [];

    private KvmWitness(int process) => _process = process;

    /// <summary>
    /// Null where the guest is not under KVM, or this process may not trace the kernel (that needs root and tracefs, as in the lab), or the kernel
    /// does not trace functions.
    /// </summary>
    public static KvmWitness? Of(Guest guest)
    {
        if (guest.Machine.Accelerator != "kvm" || !KernelCounter.IsPossible)
        {
            return null;
        }

        KvmWitness witness = new(guest.ProcessId);
        try
        {
            witness._counters.Add(KernelCounter.OfEvent("kvm/kvm_exit"));
            witness._counters.Add(KernelCounter.OfEvent("kvm/kvm_userspace_exit"));
            witness._counters.Add(KernelCounter.OfFunction("ioeventfd_write"));
            witness._counters.Add(KernelCounter.OfFunction("irqfd_wakeup"));
            return witness;
        }
        catch (IOException)
        {
            witness.Dispose();
            return null;
        }
    }

    public KvmActivity Read() => new(
        Processors(),
        _counters[0].Count(),
        _counters[1].Count(),
        _counters[2].Count(),
        _counters[2].Tasks(),
        _counters[3].Count(),
        _counters[3].Tasks());

    public void Dispose()
    {
        foreach (KernelCounter counter in _counters)
        {
            counter.Dispose();
        }
    }

    /// <summary>0 when the VMM has ended.</summary>
    private int Processors()
    {
        try
        {
            return Directory.EnumerateFiles($"/proc/{_process}/fd").Count(f => new FileInfo(f).LinkTarget?.StartsWith("anon_inode:kvm-vcpu", StringComparison.Ordinal) == true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }
}
