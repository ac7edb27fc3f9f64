using System.Text.RegularExpressions;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>What a user calls a kernel.</summary>
internal abstract partial record KernelName
{
    private const string Cloud = "-cloud-amd64";
    private const string Debian = "debian:";

    private KernelName(string text) => Text = text;

    /// <summary>As the user wrote it.</summary>
    public string Text { get; }

    /// <summary><c>debian:6.12</c>: the newest cloud kernel of a line.</summary>
    public sealed record Line(string Text, string Version) : KernelName(Text)
    {
        public override bool Matches(string release) =>
            release.StartsWith(Version + ".", StringComparison.Ordinal) && release.EndsWith(Cloud, StringComparison.Ordinal);
    }

    /// <summary><c>debian:6.12.117+deb12-cloud-amd64</c>: exactly this one.</summary>
    public sealed record Exact(string Text, string Release) : KernelName(Text)
    {
        public override bool Matches(string release) => release == Release;
    }

    /// <summary>A bzImage, or the folder of an unpacked kernel package.</summary>
    public sealed record AtPath(string Text) : KernelName(Text)
    {
        public override bool Matches(string release) => false;
    }

    /// <summary>Whether a Debian kernel of this release is one of those meant.</summary>
    public abstract bool Matches(string release);

    /// <exception cref="KernelException">Neither a Debian kernel nor a path.</exception>
    public static KernelName Parse(string text)
    {
        if (text.StartsWith(Debian, StringComparison.Ordinal))
        {
            string version = text[Debian.Length..];
            return LinePattern().IsMatch(version)
                ? new Line(text, version)
                : IsRelease(version)
                    ? new Exact(text, version)
                    : throw KernelException.OfInput(
                        $"kernel '{text}': not a Debian kernel; write debian:6.12, or the whole release: debian:6.12.117+deb12-cloud-amd64");
        }

        return text.Contains('/') || File.Exists(text) || Directory.Exists(text)
            ? new AtPath(text)
            : throw KernelException.OfInput(
                $"unknown kernel '{text}'{Suggestion.For(text, ["debian:6.1", "debian:6.12"])}; "
                + "write debian:6.1, debian:6.12, debian:RELEASE or the path of a bzImage");
    }

    /// <summary>Safe as a part of a path and of a package's name; neither debugging symbols nor an image without a signature.</summary>
    public static bool IsRelease(string text) =>
        ReleasePattern().IsMatch(text)
        && !text.EndsWith("-dbg", StringComparison.Ordinal)
        && !text.EndsWith("-unsigned", StringComparison.Ordinal);

    /// <summary><c>debian:6.12</c> for <c>6.12.117+deb12-cloud-amd64</c>; null for a kernel that no line's name means.</summary>
    public static string? LineOf(string release)
    {
        string version = string.Join('.', release.Split('.').Take(2));
        return LinePattern().IsMatch(version) && new Line(Debian + version, version) is { } line && line.Matches(release) ? line.Text : null;
    }

    [GeneratedRegex(@"^[0-9]{1,4}\.[0-9]{1,4}\z")]
    private static partial Regex LinePattern();

    [GeneratedRegex(@"^[0-9]{1,4}\.[0-9]{1,4}[A-Za-z0-9.+~_-]{1,120}\z")]
    private static partial Regex ReleasePattern();
}
