namespace Vsockspec.Guests;

/// <summary>A Debian package with a kernel, or what belongs to one, as the machine's package lists describe it.</summary>
/// <param name="Name"><c>linux-image-RELEASE</c>, <c>linux-source-6.12</c>.</param>
/// <param name="Release">Of the kernel; of other packages the name.</param>
/// <param name="Sha256">64 lower-case hexadecimal digits.</param>
/// <param name="Size">Bytes to download.</param>
internal sealed record KernelPackage(string Name, string Release, string Version, string Sha256, long Size);
