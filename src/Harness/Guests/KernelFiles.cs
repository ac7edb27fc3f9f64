using System.Security.Cryptography;

namespace Vsockspec.Guests;

/// <summary>Where the files of a kernel are, around its image: as in the root of a system, or in an unpacked package.</summary>
internal static class KernelFiles
{
    /// <summary>Before and after usr was merged.</summary>
    private static readonly string[] LibFolders = ["lib", "usr/lib"];

    /// <summary>The kernel in a folder of the cache.</summary>
    public static GuestKernel Cached(string name, string folder, KernelManifest manifest)
    {
        string image = ImageOf(folder, manifest.Release);
        return new GuestKernel(
            name,
            manifest.Release,
            image,
            ModulesBeside(image, manifest.Release),
            ConfigBeside(image, manifest.Release),
            manifest.PackageVersion,
            $"sha256:{manifest.ImageSha256}");
    }

    /// <summary>The kernel that a path leads to.</summary>
    /// <exception cref="KernelException">It leads to none.</exception>
    public static GuestKernel AtPath(KernelName.AtPath name)
    {
        string image = Path.GetFullPath(name.Text);
        if (Directory.Exists(image))
        {
            string boot = Path.Combine(image, "boot");
            string[] images = Directory.Exists(boot) ? Directory.GetFiles(boot, "vmlinuz-*") : [];
            image = images.Length == 1
                ? images[0]
                : throw KernelException.OfInput(
                    $"{image}: has {images.Length} files boot/vmlinuz-*; give the folder of one unpacked kernel package, or a bzImage");
        }

        string release = BootImage.ReadRelease(image);
        string installed = Path.Combine("/lib/modules", release);
        return new GuestKernel(
            name.Text,
            release,
            image,
            ModulesBeside(image, release) ?? (Directory.Exists(installed) ? installed : null),
            ConfigBeside(image, release),
            release,
            Digest(image));
    }

    /// <summary>
    /// Packages have their modules below /lib or, since usr was merged, below /usr/lib. Afterwards both lead there, whichever depmod
    /// looks at.
    /// </summary>
    public static void MergeUsr(string folder)
    {
        string lib = Path.Combine(folder, "lib");
        string usrLib = Path.Combine(folder, "usr", "lib");
        if (!Directory.Exists(lib))
        {
            File.CreateSymbolicLink(lib, "usr/lib");
        }
        else if (!Directory.Exists(usrLib))
        {
            Directory.CreateDirectory(Path.Combine(folder, "usr"));
            File.CreateSymbolicLink(usrLib, "../lib");
        }
    }

    public static string ImageOf(string folder, string release) => Path.Combine(folder, "boot", $"vmlinuz-{release}");

    /// <summary><c>sha256:</c> and 64 hexadecimal digits.</summary>
    /// <exception cref="KernelException">Not readable.</exception>
    public static string Digest(string image)
    {
        try
        {
            using FileStream stream = File.OpenRead(image);
            return $"sha256:{Convert.ToHexStringLower(SHA256.HashData(stream))}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw KernelException.OfMachine($"{image}: {e.Message}; remove the folder it was fetched into and fetch the kernel again", e);
        }
    }

    private static string? ModulesBeside(string image, string release)
    {
        string root = Path.Combine(Path.GetDirectoryName(image)!, "..");
        return LibFolders
            .Select(lib => Path.GetFullPath(Path.Combine(root, lib, "modules", release)))
            .FirstOrDefault(Directory.Exists);
    }

    private static string? ConfigBeside(string image, string release)
    {
        string file = Path.Combine(Path.GetDirectoryName(image)!, $"config-{release}");
        return File.Exists(file) ? file : null;
    }
}
