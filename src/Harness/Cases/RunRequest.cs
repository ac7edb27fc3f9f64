using Vsockspec.Guests;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>
/// What to run. Cases run in the order given, but those that want the same guest or device come together, and those with <see cref="Isolation.Process"/> after the others.
/// </summary>
public sealed record RunRequest
{
    public required ITarget Target { get; init; }

    public required IReadOnlyList<CaseRun> Runs { get; init; }

    public required ulong Seed { get; init; }

    public int Repeat { get; init; } = 1;

    /// <summary>Each repetition has an order of its own that follows from this; null: the order given.</summary>
    public ulong? OrderSeed { get; init; }

    /// <summary>Full names and repetitions that have a result already and are left out.</summary>
    public IReadOnlySet<(string FullName, int Repetition)> Done { get; init; } = new HashSet<(string, int)>();

    /// <summary>Workers, each with a target instance of its own.</summary>
    public int Jobs { get; init; } = 1;

    public bool FailFast { get; init; }

    /// <summary>The version of virtio that the target is held to: what the auditor finds against later rules is left out. Null: every version.</summary>
    public VirtioVersion? Specification { get; init; }

    /// <summary>Where traces go: a folder that exists; null: none are kept.</summary>
    public string? TraceFolder { get; init; }

    /// <summary>Boots guests on the running target for the cases that need one; null: those are not applicable.</summary>
    public IGuestSource? Guests { get; init; }

    /// <summary>Opens the log of the kernel that is judged, one for each worker; null: it is not looked at.</summary>
    public Func<IKernelLog>? KernelLog { get; init; }

    /// <summary>Whether the target's program is first started with an option that it cannot know (<see cref="UnknownOption"/>).</summary>
    public bool AskUnknownOption { get; init; }

    /// <summary>How long a case waits for one answer before it calls it missing.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>What the target said of itself when it was first asked.</summary>
/// <param name="OfferedFeatures">All bits.</param>
/// <param name="ProtocolFeatures">vhost-user protocol bits; 0 for other transports.</param>
/// <param name="Config">Configuration space as read, hex; null when there is none.</param>
public sealed record TargetFacts(VirtioFeatures OfferedFeatures, ulong ProtocolFeatures, string? Config)
{
    /// <summary>What the program does with an option that it cannot know; null when that was not asked.</summary>
    public string? UnknownOption { get; init; }
}

/// <summary>Hears a run as it happens. Calls are serialised.</summary>
public interface IRunListener
{
    void TargetProbed(TargetFacts facts);

    /// <summary>A guest was booted, or given up (<see cref="GuestRecord.Boots"/> is then 0).</summary>
    void GuestBooted(GuestRecord guest)
    {
    }

    /// <summary>Must have noted the start when it returns: the case may end this process, or the machine.</summary>
    void CaseStarted(CaseRun run, int repetition);

    /// <summary>Must have stored the result when it returns: the next case starts afterwards.</summary>
    void CaseFinished(CaseResult result);
}
