using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>A published version of the virtio specification, 1.0 to 1.4.</summary>
/// <param name="Minor">0 to 4.</param>
public readonly record struct VirtioVersion(int Minor) : IComparable<VirtioVersion>
{
    private const int Newest = 4;

    /// <summary>Which version a feature bit came with; bits of vhost and those of 1.0 belong to every version.</summary>
    private static readonly (VirtioFeatures Features, VirtioVersion Since)[] Introduced =
    [
        (VirtioFeatures.AccessPlatform | VirtioFeatures.RingPacked | VirtioFeatures.InOrder | VirtioFeatures.OrderPlatform | VirtioFeatures.SrIov | VirtioFeatures.NotificationData, new(1)),
        (VirtioFeatures.Stream | VirtioFeatures.Seqpacket | VirtioFeatures.NotifConfigData | VirtioFeatures.RingReset, new(2)),
        (VirtioFeatures.NoImpliedStream | VirtioFeatures.AdminVq, new(3)),
        (VirtioFeatures.Suspend, new(4)),
    ];

    /// <summary>As messages list them.</summary>
    public static string Known { get; } = string.Join(", ", Enumerable.Range(0, Newest + 1).Select(minor => new VirtioVersion(minor)));

    public static bool operator <(VirtioVersion left, VirtioVersion right) => left.CompareTo(right) < 0;

    public static bool operator >(VirtioVersion left, VirtioVersion right) => left.CompareTo(right) > 0;

    public static bool operator <=(VirtioVersion left, VirtioVersion right) => left.CompareTo(right) <= 0;

    public static bool operator >=(VirtioVersion left, VirtioVersion right) => left.CompareTo(right) >= 0;

    /// <summary><c>1.3</c>; false for anything else, and for versions that do not exist.</summary>
    public static bool TryParse(string text, out VirtioVersion version)
    {
        bool known = text.Length == 3 && text.StartsWith("1.", StringComparison.Ordinal) && text[2] is >= '0' and <= (char)('0' + Newest);
        version = known ? new VirtioVersion(text[2] - '0') : default;
        return known;
    }

    /// <summary>The first version that has all of the features.</summary>
    public static VirtioVersion FirstWith(VirtioFeatures features) =>
        Introduced.Where(row => (row.Features & features) != 0).Select(row => row.Since).DefaultIfEmpty(default).Max();

    public int CompareTo(VirtioVersion other) => Minor.CompareTo(other.Minor);

    /// <summary><c>1.3</c>.</summary>
    public override string ToString() => $"1.{Minor}";
}
