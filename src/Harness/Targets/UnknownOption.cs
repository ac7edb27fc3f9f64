namespace Vsockspec.Targets;

/// <summary>
/// What a target's program does with an option that it cannot know. One that takes anything would also take a misspelt option of its manifest, and be judged as what it is not;
/// one that does not end would be waited for. No requirement is about it: it is noted, not judged.
/// </summary>
public static class UnknownOption
{
    /// <summary>What the program is started with, after its own arguments.</summary>
    public const string Text = "--vsockspec-no-such-option";

    /// <summary>It served all the same.</summary>
    public const string Ignored = "ignored";

    /// <summary>It neither ended nor served in time.</summary>
    public const string NoAnswer = "no answer";

    private const string Refused = "exit code ";

    /// <summary>How long it may take.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(5);

    /// <summary><see cref="Ignored"/>, <see cref="NoAnswer"/>, or how it ended: <c>exit code 2</c>, <c>signal 6 (SIGABRT)</c>.</summary>
    /// <param name="start">Starts the target with the option, and waits <see cref="Patience"/> at most for it to serve.</param>
    /// <exception cref="TargetException">The manifest is wrong.</exception>
    public static string Ask(Func<ITargetInstance> start)
    {
        try
        {
            using ITargetInstance instance = start();
            return Ignored;
        }
        catch (TargetException e) when (!e.IsManifestError)
        {
            return e.ExitStatus ?? NoAnswer;
        }
    }

    /// <summary>What there is to say of the answer; null when it is as it should be.</summary>
    public static string? Remark(string answer) => answer switch
    {
        Ignored => $"takes the unknown option {Text} without a word: a misspelt option in its manifest would go unnoticed",
        NoAnswer => $"started with the unknown option {Text} it neither ended nor served within {Patience.TotalSeconds} s",
        "exit code 0" => $"ends with exit code 0 on the unknown option {Text}: a wrong manifest would look like an orderly end",
        _ when answer.StartsWith(Refused, StringComparison.Ordinal) => null,
        _ => $"ends with {answer} on the unknown option {Text}: a wrong manifest would look like a crash",
    };

    internal static TimeSpan Within(TimeSpan limit) => limit < Patience ? limit : Patience;
}
