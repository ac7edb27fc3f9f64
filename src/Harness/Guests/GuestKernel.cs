namespace Vsockspec.Guests;

/// <summary>A Linux kernel that guests and the lab boot: the image and, beside it, the modules that were built with it.</summary>
/// <param name="Name">What the user calls it: <c>debian:6.12</c>, or the path it was given by.</param>
/// <param name="Release">What <c>uname -r</c> will say, e.g. <c>6.12.117+deb12-cloud-amd64</c>; names the folder of modules.</param>
/// <param name="Image">Absolute path of the bzImage.</param>
/// <param name="ModulesFolder">Absolute path of the folder that holds <c>modules.dep</c>; null when the kernel came without modules (everything built in).</param>
/// <param name="ConfigFile">Absolute path of the build's <c>.config</c>; null when the kernel came without one.</param>
/// <param name="Version">Version of the package it came from, e.g. <c>6.12.117-1~deb12u1</c>; the release when it came from no package.</param>
/// <param name="Digest"><c>sha256:</c> and 64 hexadecimal digits over the image.</param>
public sealed record GuestKernel(
    string Name,
    string Release,
    string Image,
    string? ModulesFolder,
    string? ConfigFile,
    string Version,
    string Digest)
{
    /// <summary>Stands for the system of a machine that brings its own: nothing is known of it, and it has no digest.</summary>
    public static GuestKernel Foreign { get; } = new("its own", "unknown", "", null, null, "unknown", "");
}
