namespace Vsockspec.Harness.Tests.Transports;

/// <summary>Counts this process's descriptors of the kinds that transports pass around.</summary>
internal static class OpenDescriptors
{
    /// <summary>Sockets, eventfds, epoll sets and memfds; the runtime's own files come and go and are not counted.</summary>
    public static int Count()
    {
        int count = 0;
        foreach (string entry in Directory.GetFiles("/proc/self/fd"))
        {
            string? target;
            try
            {
                target = new FileInfo(entry).LinkTarget;
            }
            catch (IOException)
            {
                // The descriptor of the listing itself is gone by now.
                continue;
            }

            if (target is not null &&
                (target.Contains("vsockspec-guest", StringComparison.Ordinal) ||
                target.Contains("[eventfd]", StringComparison.Ordinal) ||
                target.Contains("[eventpoll]", StringComparison.Ordinal) ||
                target.StartsWith("socket:", StringComparison.Ordinal)))
            {
                count++;
            }
        }

        return count;
    }
}
