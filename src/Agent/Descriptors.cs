namespace Vsockspec.Agent;

/// <summary>The descriptors that calls have opened. Calls may use these and no others: a wrong number shall not close the agent's own files. Thread-safe.</summary>
internal sealed class Descriptors
{
    private readonly HashSet<int> _open = [];

    /// <summary>Keeps a new descriptor in mind; a failed call has none.</summary>
    public CallResult Keep(CallResult opened)
    {
        if (opened.Errno == 0)
        {
            lock (_open)
            {
                _open.Add((int)opened.Value);
            }
        }

        return opened;
    }

    /// <summary>The number if a call opened it, otherwise -1, which the kernel answers with EBADF.</summary>
    public int Checked(int fd)
    {
        lock (_open)
        {
            return _open.Contains(fd) ? fd : -1;
        }
    }

    public CallResult Close(int fd)
    {
        lock (_open)
        {
            return CallResult.Of(Libc.Close(_open.Remove(fd) ? fd : -1));
        }
    }

    /// <summary>Closes all; returns how many there were.</summary>
    public int CloseAll()
    {
        lock (_open)
        {
            int count = _open.Count;
            foreach (int fd in _open)
            {
                _ = Libc.Close(fd);
            }

            _open.Clear();
            return count;
        }
    }
}
