using Vsockspec.Cases;
using Vsockspec.Targets;

namespace Vsockspec.Results.Attestation;

/// <summary>What a certificate asks.</summary>
public static class CertificateScope
{
    /// <summary>Fewer repetitions say nothing about whether the verdicts are stable.</summary>
    public const int MinRepetitions = 3;

    /// <summary>More say no more.</summary>
    public const int MaxRepetitions = 1000;

    /// <summary>For longer nobody can vouch for anything.</summary>
    public const int MaxValidDays = 3650;

    /// <summary>The profile of everything that a target of the role can be asked, also through the sockets of a guest.</summary>
    public static string ProfileFor(TargetRole role) => role == TargetRole.Driver ? "driver" : "device-full";

    /// <summary>The cases of all profiles together that can be put to such a target, in the catalogue's order.</summary>
    public static IReadOnlyList<CaseRun> Asked(IReadOnlyList<Profile> profiles, TargetRole role, string transport, Catalogue catalogue) =>
        [.. catalogue.Runs.Where(run => run.Case.IsAbout(role, transport) && profiles.Any(profile => profile.Includes(run)))];

    /// <summary>True for a case that judges a requirement; the others record what a target does in open situations, and decide nothing.</summary>
    /// <param name="requirements">The case's.</param>
    public static bool Counts(IReadOnlyList<string> requirements, RequirementRegister register) => requirements.Any(id => register.Find(id) is not null);
}
