namespace Vsockspec.Guests;

/// <summary>A Debian package with a kernel, as the machine's package lists describe it.</summary>
/// <param name="Name"><c>linux-image-RELEASE</c>.</param>
/// <param name="Sha256">64 lower-case hexadecimal digits.</param>
/// <param name="Size">Bytes to download.</param>
internal sealed record KernelPackage(string Name, string Release, string Version, string Sha256, long Size);
