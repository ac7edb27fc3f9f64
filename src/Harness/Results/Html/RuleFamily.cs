namespace Vsockspec.Results.Html;

/// <summary>Rules that belong together; see docs/glossary.md for the letters of their ids.</summary>
/// <param name="Place">In the list, from 0.</param>
internal sealed record RuleFamily(int Place, string Name)
{
    public static RuleFamily Of(string id) => id.Split('-')[0] switch
    {
        "VS" => new(0, "Vsock: flows, credit, packets"),
        "VQ" => new(1, "Rings"),
        "PK" => new(2, "Packed rings"),
        "ND" or "OP" => new(3, "Optional features of rings"),
        "VU" => new(5, "Back-ends over vhost-user"),
        "VK" => new(6, "The kernel's vhost-vsock"),
        _ => new(4, "Any virtio device"),
    };
}
