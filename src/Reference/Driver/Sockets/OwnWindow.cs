namespace Vsockspec.Reference.Driver;

/// <summary>Our receive buffer as the host is told of it (virtio 1.4 section 5.10.6.3). All counters wrap at 2^32.</summary>
internal sealed class OwnWindow(uint bufAlloc)
{
    /// <summary>The whole buffer, free and in use.</summary>
    public uint BufAlloc { get; private set; } = bufAlloc;

    /// <summary>The largest buffer that the host was ever told of: what it sent before it heard of a smaller one is no fault of its.</summary>
    public uint Largest { get; private set; } = bufAlloc;

    /// <summary>Payload bytes that came.</summary>
    public uint Received { get; set; }

    /// <summary>Payload bytes that left the buffer.</summary>
    public uint Forwarded { get; set; }

    /// <summary>The count of them that the host was told last.</summary>
    public uint Announced { get; set; }

    /// <summary>Free bytes that the host sees, after all that it has sent so far.</summary>
    public uint SeenFree => Received - Announced is var used && used < BufAlloc ? BufAlloc - used : 0;

    public void Resize(uint bufAlloc)
    {
        BufAlloc = bufAlloc;
        Largest = Math.Max(Largest, bufAlloc);
    }
}
