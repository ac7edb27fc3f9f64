using System.Globalization;
using Vsockspec.Guests;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>What a guest was made from and what it ran on: a verdict of the cases that it served may depend on it.</summary>
public sealed record GuestRecord
{
    /// <summary><c>user-mode Linux</c>, <c>qemu q35</c>, or what the manifest starts.</summary>
    public required string Vmm { get; init; }

    /// <summary><c>native</c>, <c>tcg</c>, <c>kvm</c>, or <c>unknown</c>.</summary>
    public required string Accelerator { get; init; }

    /// <summary>Why it is this accelerator, where it was chosen here.</summary>
    public string? Why { get; init; }

    /// <summary>Of the guest's kernel, as it says it.</summary>
    public required string Release { get; init; }

    /// <summary><c>sha256:</c> and 64 hexadecimal digits over the kernel's image; null for a machine that brings its own system.</summary>
    public string? KernelDigest { get; init; }

    /// <summary>The same over the initramfs.</summary>
    public string? ImageDigest { get; init; }

    /// <summary>What the guest's vsock driver accepted; null where it does not tell.</summary>
    public IReadOnlyList<string>? Features { get; init; }

    /// <summary>What the guest's agent says went wrong when the guest was set up; empty when all is well.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    /// <summary>Guests like this that were booted.</summary>
    public int Boots { get; init; } = 1;

    /// <summary>From the start of the machine to the agent's hello: the longest.</summary>
    public double ReadyMs { get; init; }

    /// <summary>What KVM did for guests like this while they served cases; null where it was not in use or not looked at.</summary>
    public KvmActivity? Kvm { get; init; }

    /// <summary>Why guests like this were given up before the run ended; at most 100.</summary>
    public IReadOnlyList<string> GivenUp { get; init; } = [];

    /// <summary>What the auditor found wrong with the guests' own driver, which is not what was judged; at most 100.</summary>
    public IReadOnlyList<string> DriverFindings { get; init; } = [];

    internal const int MaxGivenUp = 100;

    internal static GuestRecord Of(Guest guest, Wire.VirtioFeatures? features) => new()
    {
        Vmm = guest.Machine.Vmm,
        Accelerator = guest.Machine.Accelerator,
        Why = guest.Machine.Why,
        Release = Printable.Clean(guest.Hello.Release),
        KernelDigest = guest.Kernel.Digest.Length > 0 ? guest.Kernel.Digest : null,
        ImageDigest = guest.ImageDigest.Length > 0 ? guest.ImageDigest : null,
        Features = features is { } accepted ? [.. FeatureNames.Of(accepted)] : null,
        Problems = [.. guest.Hello.Problems.Select(Printable.Clean)],
        ReadyMs = Math.Round(guest.ReadyAfter.TotalMilliseconds),
    };

    /// <summary>One line for people.</summary>
    public override string ToString()
    {
        string kvm = Kvm is { } seen ? string.Create(CultureInfo.InvariantCulture, $"; ioeventfd: {seen.Kicks} kicks, irqfd: {seen.Interrupts} interrupts, {seen.UserExits} of {seen.Exits} exits up to the VMM") : "";
        string boots = Boots == 1 ? "" : $"; {Boots} boots";
        string problems = Problems.Count == 0 ? "" : $"; its agent reports: {string.Join(", ", Problems)}";
        return string.Create(CultureInfo.InvariantCulture, $"{(KernelDigest is null ? "" : "Linux ")}{Release} on {Vmm}, {Accelerator}{(Why is null ? "" : $" ({Why})")}, ready after {ReadyMs / 1000:0.0} s{boots}{kvm}{problems}");
    }

    /// <summary>True when both are boots of the same guest.</summary>
    public bool IsLike(GuestRecord other) =>
        (Vmm, Accelerator, Release, KernelDigest, ImageDigest) == (other.Vmm, other.Accelerator, other.Release, other.KernelDigest, other.ImageDigest)
        && (Features ?? []).SequenceEqual(other.Features ?? [])
        && Problems.SequenceEqual(other.Problems);

    /// <summary>Both as one.</summary>
    public GuestRecord With(GuestRecord more) => this with
    {
        Boots = Boots + more.Boots,
        ReadyMs = Math.Max(ReadyMs, more.ReadyMs),
        Kvm = Kvm is { } own && more.Kvm is { } other ? own.With(other) : Kvm ?? more.Kvm,
        GivenUp = [.. GivenUp.Concat(more.GivenUp).Take(MaxGivenUp)],
        DriverFindings = [.. DriverFindings.Concat(more.DriverFindings).Take(MaxGivenUp)],
    };

    /// <summary>The list with one more; those that are alike are one.</summary>
    public static IReadOnlyList<GuestRecord> Add(IReadOnlyList<GuestRecord> list, GuestRecord guest)
    {
        int same = list.ToList().FindIndex(guest.IsLike);
        return same < 0 ? [.. list, guest] : [.. list.Select((known, i) => i == same ? known.With(guest) : known)];
    }
}
