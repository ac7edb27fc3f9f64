using System.Buffers.Binary;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Vsockspec.Guests;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Guests;

/// <summary>
/// A folder that stands for a Debian machine: apt-cache and apt-get are scripts over an archive of packages made here, dpkg-deb and depmod
/// are the real ones. Nothing uses the network.
/// </summary>
internal sealed class FakeDebian : IDisposable
{
    private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserExecute;
    private readonly InstanceFolder _folder = InstanceFolder.Create();

    public FakeDebian()
    {
        foreach (string name in new[] { "bin", "archive", "cache" })
        {
            Directory.CreateDirectory(PathOf(name));
        }

        // pkgnames PREFIX; show --no-all-versions NAME
        Script(
            "apt-cache",
            $"""
            cd '{PathOf("archive")}'
            case $1 in
              pkgnames)
                ls *.show 2>/dev/null | sed 's/.show$//'
                echo linux-image-6.1.0-99-cloud-amd64
                echo linux-image-6.1.0-3-cloud-amd64-dbg ;;
              show) cat "$3.show" 2>/dev/null || exit 100 ;;
            esac
            """);

        // -q download NAME=VERSION
        Script(
            "apt-get",
            $"""
            echo "$3" >> '{PathOf("downloads")}'
            cp '{PathOf("archive")}'/"${'{'}3%%=*{'}'}.deb" .
            """);
        foreach (string tool in new[] { "dpkg-deb", "depmod" })
        {
            File.CreateSymbolicLink(PathOf($"bin/{tool}"), ToolBox.OfThisMachine.Find(tool)!);
        }
    }

    /// <summary>Names that apt-get was asked for.</summary>
    public string[] Downloads => File.Exists(PathOf("downloads")) ? File.ReadAllLines(PathOf("downloads")) : [];

    public string Cache => PathOf("cache");

    public KernelStore Store() => new(Cache, new ToolBox([PathOf("bin")]));

    public string PathOf(string name) => Path.Combine(_folder.Path, name);

    public void Script(string name, string body)
    {
        string file = PathOf($"bin/{name}");
        File.Delete(file);
        File.WriteAllText(file, $"#!/bin/sh\n{body}\n");
        File.SetUnixFileMode(file, Executable);
    }

    /// <summary>Puts a package into the archive and its description into the lists.</summary>
    /// <param name="lib">Where the package has its modules.</param>
    public void Publish(string release, string version, string lib = "lib")
    {
        string tree = PathOf($"tree-{release}");
        WriteKernel(tree, release, lib);
        Directory.CreateDirectory(Path.Combine(tree, "DEBIAN"));
        File.WriteAllText(
            Path.Combine(tree, "DEBIAN/control"),
            $"Package: linux-image-{release}\nVersion: {version}\nArchitecture: amd64\nMaintainer: test <test@localhost>\nDescription: test\n");
        string deb = PathOf($"archive/linux-image-{release}.deb");
        ProcessStartInfo command = new("dpkg-deb", ["--root-owner-group", "-b", tree, deb]) { RedirectStandardOutput = true };
        using Process build = Process.Start(command)!;
        build.WaitForExit();
        List(release, version, Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(deb))));
    }

    /// <summary>What the package lists say of a package.</summary>
    public void List(string release, string version, string digest) => File.WriteAllText(
        PathOf($"archive/linux-image-{release}.show"),
        $"Package: linux-image-{release}\nVersion: {version}\nSize: 1000\nSHA256: {digest}\n\n");

    /// <summary>An unpacked kernel package without modules.</summary>
    public static string WriteKernel(string folder, string release, string lib = "lib")
    {
        Directory.CreateDirectory(Path.Combine(folder, "boot"));
        string modules = Directory.CreateDirectory(Path.Combine(folder, lib, "modules", release)).FullName;
        string image = Path.Combine(folder, "boot", $"vmlinuz-{release}");
        File.WriteAllBytes(image, Image($"{release} (somebody) #1 SMP"));
        File.WriteAllText(Path.Combine(folder, "boot", $"config-{release}"), "CONFIG_VHOST_VSOCK=m\nCONFIG_VSOCKETS=y\n# CONFIG_KVM is not set\n");
        File.WriteAllText(Path.Combine(modules, "modules.builtin"), "kernel/drivers/virtio/virtio_ring.ko\n");
        File.WriteAllText(Path.Combine(modules, "modules.order"), "");
        return image;
    }

    /// <summary>The first sectors of a bzImage, with a version text at 0x300.</summary>
    public static byte[] Image(string version)
    {
        byte[] image = new byte[5 * 512];
        image[0x1f1] = 4;
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(0x1fe), 0xaa55);
        "HdrS"u8.CopyTo(image.AsSpan(0x202));
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(0x20e), 0x100);
        Encoding.ASCII.GetBytes(version).CopyTo(image, 0x300);
        return image;
    }

    public void Dispose() => _folder.Dispose();
}
