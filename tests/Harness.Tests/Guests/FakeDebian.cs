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
        foreach (string tool in new[] { "dpkg-deb", "depmod", "tar", "make", "cc" })
        {
            if (ToolBox.OfThisMachine.Find(tool) is { } path)
            {
                File.CreateSymbolicLink(PathOf($"bin/{tool}"), path);
            }
        }
    }

    /// <summary>Names that apt-get was asked for.</summary>
    public string[] Downloads => File.Exists(PathOf("downloads")) ? File.ReadAllLines(PathOf("downloads")) : [];

    public string Cache => PathOf("cache");

    public KernelStore Store() => new(Cache, new ToolBox([PathOf("bin")]));

    public VsockTestStore VsockTests() => new(Cache, new ToolBox([PathOf("bin")]));

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
        Pack(tree, $"linux-image-{release}", version);
    }

    /// <summary>Puts a package with a small kernel source into the archive: its tests have a program that lists one test.</summary>
    /// <param name="test">What its vsock_test.c has.</param>
    public void PublishSource(string line, string version, string test = "#include <stdio.h>\nint main(void) { puts(\"0\\tonly\"); return 0; }\n")
    {
        string source = PathOf($"linux-source-{line}");
        string tests = Directory.CreateDirectory(Path.Combine(source, "tools/testing/vsock")).FullName;
        Directory.CreateDirectory(Path.Combine(source, "tools/include"));
        Directory.CreateDirectory(Path.Combine(source, "not-needed"));
        File.WriteAllText(Path.Combine(tests, "Makefile"), "all: vsock_test vsock_diag_test vsock_perf\n");
        foreach (string program in (string[])["vsock_test", "vsock_diag_test", "vsock_perf"])
        {
            File.WriteAllText(Path.Combine(tests, $"{program}.c"), test);
        }

        string tree = PathOf($"tree-source-{line}");
        Directory.CreateDirectory(Path.Combine(tree, "usr/src"));
        Run("tar", "-cJf", Path.Combine(tree, $"usr/src/linux-source-{line}.tar.xz"), "-C", PathOf("."), $"linux-source-{line}");
        Directory.CreateDirectory(Path.Combine(tree, "DEBIAN"));
        File.WriteAllText(
            Path.Combine(tree, "DEBIAN/control"),
            $"Package: linux-source-{line}\nVersion: {version}\nArchitecture: all\nMaintainer: test <test@localhost>\nDescription: test\n");
        Pack(tree, $"linux-source-{line}", version);
    }

    /// <summary>What the package lists say of a package.</summary>
    public void List(string release, string version, string digest) => ListPackage($"linux-image-{release}", version, digest);

    /// <inheritdoc cref="List"/>
    public void ListPackage(string name, string version, string digest) => File.WriteAllText(
        PathOf($"archive/{name}.show"), $"Package: {name}\nVersion: {version}\nSize: 1000\nSHA256: {digest}\n\n");

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

    private void Pack(string tree, string name, string version)
    {
        string deb = PathOf($"archive/{name}.deb");
        Run("dpkg-deb", "--root-owner-group", "-b", tree, deb);
        ListPackage(name, version, Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(deb))));
    }

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        process.WaitForExit();
    }
}
