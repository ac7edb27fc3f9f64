namespace Vsockspec.Guests;

/// <summary>
/// Keeps other processes, and other threads of this one, from changing a folder at the same time: an flock(2) on a file in it, which the
/// kernel releases when the holder ends, however that happens.
/// </summary>
internal sealed class CacheLock : IDisposable
{
    /// <summary>What a file that somebody else has locked is refused with.</summary>
    private const int Eagain = 11;

    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(100);

    private readonly FileStream _file;

    private CacheLock(FileStream file) => _file = file;

    /// <summary>Waits until the folder is free.</summary>
    /// <param name="waiting">Called once when it is not free at first.</param>
    /// <exception cref="OperationCanceledException">Cancelled while waiting.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be written.</exception>
    public static CacheLock Acquire(string folder, Action waiting, CancellationToken cancellation)
    {
        string path = Path.Combine(folder, ".lock");
        for (bool told = false; ; told = true)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                return new CacheLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException e) when (e.HResult == Eagain)
            {
                if (!told)
                {
                    waiting();
                }

                cancellation.WaitHandle.WaitOne(Between);
            }
        }
    }

    public void Dispose() => _file.Dispose();
}
