namespace Vsockspec.Guests;

/// <summary>What a guest runs on: recorded with the results, since a verdict may depend on it.</summary>
/// <param name="Vmm">What makes the machine, e.g. <c>user-mode Linux</c>, <c>qemu q35</c>.</param>
/// <param name="Accelerator"><c>native</c>, <c>tcg</c> or <c>kvm</c>.</param>
/// <param name="Why">Why it is this accelerator, where it was chosen here; else null.</param>
public sealed record GuestMachine(string Vmm, string Accelerator, string? Why)
{
    /// <summary>How a boot before this one ended, with the end of its console; null: this was the first.</summary>
    public string? FirstBoot { get; init; }

    public override string ToString() => $"{Vmm}, {Accelerator}{(Why is null ? "" : $" ({Why})")}";
}
