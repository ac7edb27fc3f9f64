using Vsockspec.Targets;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>Asks a target what it offers.</summary>
internal static class TargetProbe
{
    /// <param name="patience">How long each answer may take.</param>
    /// <exception cref="TargetException">It does not speak the transport.</exception>
    public static TargetFacts Ask(IDeviceTarget target, ITargetInstance instance, TimeSpan patience)
    {
        try
        {
            using IVsockDevice device = instance.OpenDevice(patience);
            byte[]? config = device.HasConfigSpace ? device.ReadConfig(0, VsockConfig.Size) : null;
            VhostUserProtocolFeatures protocol = device is VhostUserFrontEnd frontEnd ? frontEnd.OfferedProtocolFeatures : default;
            return new TargetFacts(device.OfferedFeatures, (ulong)protocol, config is null ? null : Convert.ToHexStringLower(config));
        }
        catch (TransportException e)
        {
            throw new TargetException(
                $"target '{target.Name}' does not complete the first exchange over {target.Transport}: {e.Message}{Postmortem(instance)}", inner: e);
        }
    }

    private static string Postmortem(ITargetInstance instance)
    {
        string status = instance.ExitStatus is { } exit ? $"; the target ended with {exit}" : "";
        string lines = instance.LastLines.Count > 0 ? $"; its last lines: {string.Join(" | ", instance.LastLines.TakeLast(5))}" : "";
        return status + lines;
    }
}
