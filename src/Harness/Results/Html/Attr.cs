using System.Globalization;

namespace Vsockspec.Results.Html;

/// <summary>
/// An attribute of an element. There is a maker for each one that the report uses, and none that could run a script or load anything: a link
/// goes to a place in the report, to a file of the bundle, or to the web over https, and is followed only when somebody clicks it.
/// </summary>
internal readonly partial record struct Attr
{
    private Attr(string name, string? value = null)
    {
        Name = name;
        Value = value;
    }

    public string Name { get; }

    /// <summary>Null: an attribute that is there or not.</summary>
    public string? Value { get; }

    public static Attr Open => new("open");

    public static Attr Hidden => new("hidden");

    public static Attr Selected => new("selected");

    /// <summary>Decoration that a screen reader passes over.</summary>
    public static Attr Decorative => new("aria-hidden", "true");

    public static Attr Class(string value) => new("class", value);

    public static Attr Id(string value) => new("id", value);

    public static Attr Lang(string value) => new("lang", value);

    public static Attr MetaName(string value) => new("name", value);

    public static Attr HttpEquiv(string value) => new("http-equiv", value);

    public static Attr Content(string value) => new("content", value);

    public static Attr Charset(string value) => new("charset", value);

    public static Attr Scope(string value) => new("scope", value);

    public static Attr ColSpan(int value) => new("colspan", value.ToString(CultureInfo.InvariantCulture));

    public static Attr For(string id) => new("for", id);

    public static Attr Type(string value) => new("type", value);

    public static Attr Placeholder(string value) => new("placeholder", value);

    public static Attr ValueOf(string value) => new("value", value);

    public static Attr Role(string value) => new("role", value);

    public static Attr AriaLabel(string value) => new("aria-label", value);

    public static Attr AriaLive(string value) => new("aria-live", value);

    /// <summary>Words by which a filter finds the row.</summary>
    public static Attr Words(string value) => new("data-w", value);

    /// <summary>The list that a filter is for.</summary>
    public static Attr Filters(string id) => new("data-filters", id);

    public static Attr ViewBox(string value) => new("viewBox", value);

    public static Attr Stretch => new("preserveAspectRatio", "none");

    public static Attr Draw(string path) => new("d", path);

    public static Attr X(int value) => new("x", value.ToString(CultureInfo.InvariantCulture));

    public static Attr Width(int value) => new("width", value.ToString(CultureInfo.InvariantCulture));

    public static Attr Height(int value) => new("height", value.ToString(CultureInfo.InvariantCulture));

    public static Attr TabStop => new("tabindex", "0");

    /// <summary>Id of the element that has all sections.</summary>
    public const string MainId = "content";

    /// <summary>Past header and table of contents.</summary>
    public static Attr ToMain => new("href", "#" + MainId);

    /// <summary>A place in the report.</summary>
    public static Attr To(Anchor anchor) => new("href", "#" + anchor.Name);

    /// <summary>A file of the bundle; null where the path could lead out of it.</summary>
    public static Attr? ToFile(string path) => BundlePath.IsInside(path) ? new("href", string.Join('/', path.Split('/').Select(Uri.EscapeDataString))) : null;

    /// <summary>A page of the web; null where the text is no https address.</summary>
    public static Attr? ToWeb(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) && uri.Scheme == Uri.UriSchemeHttps ? new("href", uri.AbsoluteUri) : null;
}
