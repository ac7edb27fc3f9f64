namespace Vsockspec.Cases;

/// <summary>One run of one case on a target, with what came of it beside its verdict.</summary>
internal interface ICaseStage : IDisposable
{
    /// <summary>Plays the case to its end; what is wrong is thrown.</summary>
    void Play();

    /// <summary>Something legal but discouraged that was noted.</summary>
    (string Code, string Expected, string Observed)? Lapse { get; }

    /// <summary>What the target does where the specification is silent.</summary>
    IReadOnlyDictionary<string, string> Recorded { get; }

    /// <summary>The target closed its connection to us.</summary>
    bool TargetClosed { get; }
}

/// <summary>What is known of a running target when a case has ended.</summary>
internal interface ISuspect
{
    bool HasExited { get; }

    /// <summary>Null while it runs or when it is not ours.</summary>
    string? ExitStatus { get; }

    /// <summary>What it printed last, oldest first.</summary>
    IReadOnlyList<string> LastLines { get; }

    /// <summary>The guest is what is judged, not what serves the judging of a device.</summary>
    bool IsGuest { get; }
}
