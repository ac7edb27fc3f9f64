using System.Globalization;

namespace Vsockspec.Results.Html;

/// <summary>What drawings need. A drawing is as wide as its place: across it counts in parts of its width, down it counts in pixels.</summary>
internal readonly partial record struct Attr
{
    public static Attr FullWidth => new("width", "100%");

    public static Attr LabelledBy(params IEnumerable<string> ids) => new("aria-labelledby", string.Join(' ', ids));

    /// <param name="part">0: at the left, 1: at the right.</param>
    public static Attr Across(double part) => new("x", Percent(part));

    /// <inheritdoc cref="Across"/>
    public static Attr AcrossFrom(double part) => new("x1", Percent(part));

    /// <inheritdoc cref="Across"/>
    public static Attr AcrossTo(double part) => new("x2", Percent(part));

    /// <inheritdoc cref="Across"/>
    public static Attr Breadth(double part) => new("width", Percent(part));

    /// <summary>Pixels, from the top.</summary>
    public static Attr Down(double pixels) => new("y", Pixels(pixels));

    /// <inheritdoc cref="Down"/>
    public static Attr DownFrom(double pixels) => new("y1", Pixels(pixels));

    /// <inheritdoc cref="Down"/>
    public static Attr DownTo(double pixels) => new("y2", Pixels(pixels));

    /// <summary>Pixels to the right of the place.</summary>
    public static Attr Beside(double pixels) => new("dx", Pixels(pixels));

    /// <summary>Pixels below the place.</summary>
    public static Attr Below(double pixels) => new("dy", Pixels(pixels));

    /// <summary>Pixels to the right of where it would stand.</summary>
    public static Attr Shifted(double pixels) => new("transform", $"translate({Pixels(pixels)})");

    /// <summary>A number of the drawing in its shortest form.</summary>
    public static string Pixels(double value) => Math.Round(value, 1).ToString("0.#", CultureInfo.InvariantCulture);

    private static string Percent(double part) => Math.Round(part * 100, 2).ToString("0.##", CultureInfo.InvariantCulture) + "%";

    /// <summary>A cell's heading, for where a table has no room for its head.</summary>
    public static Attr Column(string heading) => new("data-l", heading);

    /// <summary>The link stores what it leads to as a file of this name.</summary>
    public static Attr Download(string name) => new("download", name);

    /// <summary>A document within the page.</summary>
    public static Attr ToData(string mediaType, ReadOnlySpan<byte> content) => new("href", $"data:{mediaType};base64,{Convert.ToBase64String(content)}");
}
