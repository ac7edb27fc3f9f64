using Vsockspec.Wire;

namespace Vsockspec.Guests;

public sealed partial class AgentClient
{
    private const int MaxVirtioDevices = 16;

    /// <summary>
    /// What the guest's vsock driver accepted of its device's features, from sysfs: <c>features</c> (drivers/virtio/virtio.c, features_show) has a
    /// character for each bit, the lowest first); null where the guest does not tell.
    /// </summary>
    public async Task<VirtioFeatures?> AcceptedFeatures()
    {
        for (int i = 0; i < MaxVirtioDevices; i++)
        {
            string folder = $"/sys/bus/virtio/devices/virtio{i}";
            GuestValue<string> id = await ReadFile($"{folder}/device", 64).ConfigureAwait(false);
            if (id.Result.Succeeded && id.Value.Trim() == "0x0013")
            {
                GuestValue<string> bits = await ReadFile($"{folder}/features", 256).ConfigureAwait(false);
                return bits.Result.Succeeded ? ParseFeatures(bits.Value.Trim()) : null;
            }
        }

        return null;
    }

    internal static VirtioFeatures? ParseFeatures(string bits)
    {
        if (bits.Length is 0 or > 128 || bits.AsSpan().IndexOfAnyExcept('0', '1') >= 0)
        {
            return null;
        }

        ulong value = 0;
        for (int i = 0; i < Math.Min(bits.Length, 64); i++)
        {
            value |= bits[i] == '1' ? 1UL << i : 0;
        }

        return (VirtioFeatures)value;
    }
}
