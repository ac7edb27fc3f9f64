namespace Vsockspec.Results.Attestation;

/// <summary>What is known of who made a bundle.</summary>
public enum SignatureState
{
    /// <summary>There is no attestation that could be read.</summary>
    None,

    /// <summary>Nobody has signed it: anyone could have made it.</summary>
    Unsigned,

    /// <summary>It has signatures, and no key was given to check them with.</summary>
    NotChecked,

    /// <summary>The key that was given has signed it.</summary>
    Valid,

    /// <summary>The key that was given has not signed it.</summary>
    Invalid,
}

/// <summary>The time for which a bundle is checked: a moment, or any moment of a day.</summary>
public sealed record VerifyTime(DateTimeOffset Earliest, DateTimeOffset Latest)
{
    public static VerifyTime At(DateTimeOffset moment) => new(moment, moment);

    public static VerifyTime On(DateOnly day)
    {
        DateTimeOffset start = new(day.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);
        return new VerifyTime(start, start.AddTicks(TimeSpan.TicksPerDay - 1));
    }
}

/// <summary>What came of checking a bundle.</summary>
public sealed record Verification
{
    /// <summary>Every reason why it is refused; empty: it is complete and consistent.</summary>
    public required IReadOnlyList<Refusal> Refusals { get; init; }

    public required SignatureState Signature { get; init; }

    /// <summary>Whom the signatures name; hints.</summary>
    public required IReadOnlyList<string> KeyIds { get; init; }

    /// <summary>As the bundle has it; null where it has none that can be read.</summary>
    public required Certificate? Certificate { get; init; }

    public required int Files { get; init; }

    public required int Results { get; init; }

    /// <summary>Nothing is missing, added or changed, and everything follows from the results.</summary>
    public bool IsVerified => Refusals.Count == 0;

    /// <summary>It is verified, and says that the target is certified.</summary>
    public bool IsCertified => IsVerified && Certificate is { Verdict: CertificateVerdict.Certified };
}
