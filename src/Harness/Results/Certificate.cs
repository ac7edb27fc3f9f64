using Vsockspec.Cases;

namespace Vsockspec.Results;

/// <summary>What a certificate says in one word.</summary>
public enum CertificateVerdict
{
    Certified,
    NotCertified,
}

/// <summary>
/// The content of <c>certificate.json</c>: what follows for the target from the results beside it. The JSON schema is reports/schema/certificate.schema.json, and
/// docs/certificate.md tells how it comes about.
/// </summary>
public sealed record Certificate
{
    public const string SchemaId = "urn:vsockspec:certificate:1";

    /// <summary><see cref="SchemaId"/>; a reader refuses another one.</summary>
    public required string Schema { get; init; }

    public required CertificateVerdict Verdict { get; init; }

    /// <summary>The verdict in one sentence, with what it is about and how much was asked.</summary>
    public required string Statement { get; init; }

    /// <summary>Why it is not certified; empty when it is.</summary>
    public required IReadOnlyList<CertificateReason> Reasons { get; init; }

    /// <summary>What changes nothing but should be known.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    public required SuiteInfo Suite { get; init; }

    public required CertifiedTarget Target { get; init; }

    /// <summary>Names of the profiles whose cases were asked.</summary>
    public required IReadOnlyList<string> Profiles { get; init; }

    /// <summary>How often each case was run.</summary>
    public required int Repetitions { get; init; }

    /// <summary>Id of the run whose results these are.</summary>
    public required string RunId { get; init; }

    public required DateTimeOffset IssuedAt { get; init; }

    public required DateTimeOffset ValidUntil { get; init; }

    public required CertificateCounts Cases { get; init; }

    /// <summary>Cases that were asked and not judged, by what kept them.</summary>
    public required IReadOnlyList<SkippedCases> Skipped { get; init; }
}

/// <summary>Why a target is not certified.</summary>
/// <param name="Code">Stable name of the kind of reason: <c>failed</c>, <c>unstable</c>, …; docs/certificate.md lists all.</param>
/// <param name="Case">Full name of the case; null where it is not about one.</param>
/// <param name="Text">The reason in words.</param>
public sealed record CertificateReason(string Code, string? Case, string Text);

/// <summary>What the certificate is about.</summary>
/// <param name="Role"><c>device</c> or <c>driver</c>.</param>
/// <param name="Digest">SHA-256 of the program; null where it is not known.</param>
/// <param name="DigestAfter">Of the program after the run; null when it was the same.</param>
/// <param name="Features">Every feature that is claimed or offered, in the order of their bits.</param>
public sealed record CertifiedTarget(
    string Name, string? Version, string Role, string Transport, string? Digest, string? DigestAfter, IReadOnlyList<ClaimedFeature> Features);

/// <summary>A feature as the vendor claims it and as the target offers it (a driver: accepts it).</summary>
public sealed record ClaimedFeature(string Name, bool Claimed, bool Offered);

/// <summary>How many cases were asked, each variant as one.</summary>
/// <param name="Judged">Those that judge a requirement; they decide the certificate.</param>
/// <param name="ByVerdict">Of those, by the worst verdict of all repetitions.</param>
/// <param name="OpenSituations">Those that record what the target does where the specification is silent; they decide nothing.</param>
public sealed record CertificateCounts(int Judged, IReadOnlyDictionary<Verdict, int> ByVerdict, int OpenSituations);

/// <summary>Cases that were asked and not judged for the same reason.</summary>
/// <param name="Verdict"><see cref="Verdict.NotSupported"/> or <see cref="Verdict.NotApplicable"/>.</param>
/// <param name="Cases">Full names.</param>
public sealed record SkippedCases(Verdict Verdict, string Why, IReadOnlyList<string> Cases);
