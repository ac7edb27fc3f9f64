namespace Vsockspec.Targets;

/// <summary>The values a launch command is filled in with.</summary>
internal sealed class Placeholders
{
    /// <summary>Without braces, in the order in which messages list them.</summary>
    public static IReadOnlyList<string> Names { get; } = ["socket", "uds", "cid", "dir", "dotnet", "base"];

    private readonly (string Token, string Value)[] _values;

    public Placeholders(string socket, string uds, TargetPlace place) =>
        _values =
        [
            ("{socket}", socket),
            ("{uds}", uds),
            ("{cid}", place.GuestCid.ToString()),
            ("{dir}", place.Folder),
            ("{dotnet}", DotNet.Host),
            ("{base}", AppContext.BaseDirectory.TrimEnd('/')),
        ];

    public string Fill(string text)
    {
        foreach ((string token, string value) in _values)
        {
            text = text.Replace(token, value, StringComparison.Ordinal);
        }

        return text;
    }

    /// <summary>Only what does not depend on the place: enough to find the program.</summary>
    public static string FillStatic(string text) => text
        .Replace("{dotnet}", DotNet.Host, StringComparison.Ordinal)
        .Replace("{base}", AppContext.BaseDirectory.TrimEnd('/'), StringComparison.Ordinal);
}
