namespace Vsockspec.Reference.Driver;

/// <summary>The descriptors that calls have opened, numbered as Linux does: the lowest that is free.</summary>
internal sealed class DescriptorTable
{
    private const int First = 3;
    private const int Most = 16384;

    private readonly SortedDictionary<int, Description> open = [];

    public IEnumerable<Description> Open => open.Values;

    /// <summary>A copy: they may be removed meanwhile.</summary>
    public IReadOnlyList<int> Numbers => [.. open.Keys];

    /// <summary>False when there are too many.</summary>
    public bool TryAdd(Description description, out int fd)
    {
        fd = First;
        foreach (int taken in open.Keys)
        {
            if (taken != fd)
            {
                break;
            }

            fd++;
        }

        return fd < Most && open.TryAdd(fd, description);
    }

    public Description? Find(int fd) => open.GetValueOrDefault(fd);

    public Description? Remove(int fd) => open.Remove(fd, out Description? description) ? description : null;
}
