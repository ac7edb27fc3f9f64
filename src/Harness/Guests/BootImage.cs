using System.Buffers.Binary;
using System.Text;

namespace Vsockspec.Guests;

/// <summary>
/// The setup header of an x86 bzImage (Documentation/arch/x86/boot.rst): a magic number, and where the text is that says which release
/// this is. The file is untrusted.
/// </summary>
internal static class BootImage
{
    private const int SetupSectorsOffset = 0x1f1;
    private const int BootFlagOffset = 0x1fe;
    private const int MagicOffset = 0x202;
    private const int ProtocolOffset = 0x206;
    private const int KernelVersionOffset = 0x20e;
    private const int LoadFlagsOffset = 0x236;
    private const int InitSizeOffset = 0x260;

    /// <summary>Protocol 2.12 has the load flags, 2.10 the size.</summary>
    private const ushort ProtocolWithLoadFlags = 0x020c;
    private const ushort ProtocolWithInitSize = 0x020a;

    /// <summary>XLF_KERNEL_64.</summary>
    private const ushort Is64Bit = 1;

    /// <summary>Where the images of other architectures have their magic numbers (arm64/booting.rst, riscv/boot-image-header.rst).</summary>
    private const int OtherMagicOffset = 0x38;

    /// <summary>Pointers in the header count from its second sector.</summary>
    private const int PointerBase = 0x200;

    private const int SectorSize = 512;
    private const ushort BootFlag = 0xaa55;

    /// <summary>The first word of the version text: what <c>uname -r</c> says.</summary>
    /// <exception cref="KernelException">Not readable, or not a bzImage.</exception>
    public static string ReadRelease(string file)
    {
        byte[] setup = ReadSetup(file);
        if (setup.Length <= KernelVersionOffset + 1
            || BinaryPrimitives.ReadUInt16LittleEndian(setup.AsSpan(BootFlagOffset)) != BootFlag
            || !setup.AsSpan(MagicOffset, 4).SequenceEqual("HdrS"u8))
        {
            throw Broken(file, $"is {Architecture(setup)}not a Linux bzImage for x86 (no HdrS header)");
        }

        if (Protocol(setup) >= ProtocolWithLoadFlags
            && setup.Length > LoadFlagsOffset + 1
            && (BinaryPrimitives.ReadUInt16LittleEndian(setup.AsSpan(LoadFlagsOffset)) & Is64Bit) == 0)
        {
            throw Broken(file, "is a kernel for 32-bit processors");
        }

        int start = PointerBase + BinaryPrimitives.ReadUInt16LittleEndian(setup.AsSpan(KernelVersionOffset));
        if (start == PointerBase || start >= setup.Length)
        {
            throw Broken(file, "field kernel_version does not point into the setup code");
        }

        ReadOnlySpan<byte> text = setup.AsSpan(start);
        int end = text.IndexOfAny((byte)' ', (byte)0);
        string release = end < 0 ? "" : Encoding.Latin1.GetString(text[..end]);
        return KernelName.IsRelease(release) ? release : throw Broken(file, "field kernel_version points at no release");
    }

    /// <summary>Bytes of memory that the kernel takes until it runs (init_size); 0 for a kernel too old to tell.</summary>
    /// <exception cref="KernelException">Not readable.</exception>
    public static long MemoryToStart(string file)
    {
        byte[] setup = ReadSetup(file);
        return setup.Length >= InitSizeOffset + sizeof(uint) && Protocol(setup) >= ProtocolWithInitSize
            ? BinaryPrimitives.ReadUInt32LittleEndian(setup.AsSpan(InitSizeOffset))
            : 0;
    }

    private static ushort Protocol(byte[] setup) => BinaryPrimitives.ReadUInt16LittleEndian(setup.AsSpan(ProtocolOffset));

    private static string Architecture(byte[] setup)
    {
        ReadOnlySpan<byte> magic = setup.Length < OtherMagicOffset + 4 ? default : setup.AsSpan(OtherMagicOffset, 4);
        return magic.SequenceEqual("ARMd"u8) ? "a kernel for arm64, "
            : magic.SequenceEqual("RSC\u0005"u8) ? "a kernel for RISC-V, "
            : "";
    }

    /// <summary>As much of the boot sector and the setup code as there is; at most 128 KiB.</summary>
    private static byte[] ReadSetup(string file)
    {
        try
        {
            using FileStream stream = File.OpenRead(file);
            byte[] setup = new byte[256 * SectorSize];
            int read = stream.ReadAtLeast(setup, setup.Length, throwOnEndOfStream: false);
            int sectors = read > SetupSectorsOffset ? setup[SetupSectorsOffset] : 0;

            // "For backwards compatibility, if the setup_sects field contains 0, the real value is 4."
            return setup[..Math.Min(read, ((sectors == 0 ? 4 : sectors) + 1) * SectorSize)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw KernelException.OfInput($"{file}: {e.Message}; give a bzImage that can be read", e);
        }
    }

    private static KernelException Broken(string file, string problem) =>
        KernelException.OfInput(
            $"{file}: {problem}; give the image that the distribution installs as /boot/vmlinuz-RELEASE, or arch/x86/boot/bzImage of a build");
}
