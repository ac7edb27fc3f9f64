using System.Buffers.Binary;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Vsockspec.Guests;

/// <summary>
/// Whether this machine's KVM boots a kernel. That /dev/kvm opens does not prove it: inside some virtual machines it opens and no Linux guest
/// comes up. So the first boot is the proof, and its outcome is kept until this machine boots anew, since no other kernel or KVM module runs
/// before that.
/// </summary>
/// <param name="folder">Where outcomes are kept; made when needed.</param>
/// <param name="bootId">Names this boot of the machine.</param>
public sealed class KvmProof(string folder, string bootId)
{
    private const string Device = "/dev/kvm";
    private const string Boots = "boots";
    private const string BootsNot = "boots not";

    /// <summary>A boot under KVM takes a second or two; one that takes so long does not get there.</summary>
    public static TimeSpan Limit { get; } = TimeSpan.FromSeconds(20);

    /// <param name="cache">The folder beside which the kernels are kept.</param>
    public static KvmProof OfThisMachine(string cache) => new(Path.Combine(cache, "kvm"), File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim());

    /// <summary>
    /// This machine's processors are QEMU's translator, as in a lab where KVM boots nothing: the KVM that such a machine has is translated too, and a guest under it
    /// still boots much faster than by another translator.
    /// </summary>
    public static bool IsTranslated { get; } = HypervisorName() == "TCGTCGTCGTCG";

    /// <summary>Whether this user may use KVM at all.</summary>
    public static bool Opens()
    {
        try
        {
            using FileStream device = new(Device, FileMode.Open, FileAccess.ReadWrite);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>What was found out before; null: nothing, or before this machine booted.</summary>
    public bool? Known(GuestKernel kernel)
    {
        try
        {
            string[] lines = File.ReadAllLines(FileOf(kernel));
            return lines is [var boot, Boots or BootsNot] && boot == bootId ? lines[1] == Boots : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Keeps an outcome. Where that cannot be written, the next lab finds out again.</summary>
    public void Keep(GuestKernel kernel, bool boots)
    {
        try
        {
            Directory.CreateDirectory(folder);
            string file = FileOf(kernel);
            string temporary = $"{file}.{Environment.ProcessId}";
            File.WriteAllText(temporary, $"{bootId}\n{(boots ? Boots : BootsNot)}\n");
            File.Move(temporary, file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A cache that is not there costs time, nothing else.
        }
    }

    /// <summary>As CPUID tells it; empty where there is none.</summary>
    private static string HypervisorName()
    {
        const int HypervisorLeaf = 0x4000_0000;
        const int HasHypervisor = 1 << 31;
        if (!X86Base.IsSupported || (X86Base.CpuId(1, 0).Ecx & HasHypervisor) == 0)
        {
            return "";
        }

        (_, int b, int c, int d) = X86Base.CpuId(HypervisorLeaf, 0);
        Span<byte> name = stackalloc byte[12];
        BinaryPrimitives.WriteInt32LittleEndian(name, b);
        BinaryPrimitives.WriteInt32LittleEndian(name[4..], c);
        BinaryPrimitives.WriteInt32LittleEndian(name[8..], d);
        return Encoding.ASCII.GetString(name);
    }

    private string FileOf(GuestKernel kernel) => Path.Combine(folder, kernel.Digest.Replace(':', '-'));
}
