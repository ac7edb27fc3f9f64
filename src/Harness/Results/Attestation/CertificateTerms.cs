using Vsockspec.Cases;

namespace Vsockspec.Results.Attestation;

/// <summary>What a certificate needs to be judged beside the results.</summary>
public sealed record CertificateTerms
{
    public required IReadOnlyList<string> Profiles { get; init; }

    /// <summary>The cases of those profiles.</summary>
    public required IReadOnlyList<CaseRun> Asked { get; init; }

    public required int Repetitions { get; init; }

    public required DateTimeOffset IssuedAt { get; init; }

    public required DateTimeOffset ValidUntil { get; init; }

    /// <summary>SHA-256 of the target's program after the run; null where it is not known, or was the same.</summary>
    public string? DigestAfter { get; init; }
}
