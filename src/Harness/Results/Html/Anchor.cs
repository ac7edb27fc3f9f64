namespace Vsockspec.Results.Html;

/// <summary>A place in the report that can be linked to.</summary>
internal readonly record struct Anchor
{
    private Anchor(string name) => Name = name;

    public string Name { get; }

    public static Anchor Of(ISection section) => new(section.Id);

    public static Anchor OfRequirement(string id) => new("r-" + Safe(id));

    public static Anchor OfCase(string id) => new("c-" + Safe(id));

    public static Anchor OfFailure(string id) => new("f-" + Safe(id));

    /// <param name="owner">Full name of the case.</param>
    public static Anchor OfPacket(string owner, int packet) => new($"p-{Safe(owner)}-{packet}");

    public static Anchor OfWord(string word) => new("w-" + Safe(word));

    /// <summary>A part of a drawing, of this program's own name.</summary>
    public static Anchor OfMark(string name) => new("m-" + name);

    public static Anchor OfIcon(string name) => new("i-" + name);

    /// <summary>Ids come from files: only letters, digits, dot, hyphen and underscore are kept as they are.</summary>
    private static string Safe(string text) => string.Concat(text.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' ? c : '~'));
}
