using System.Text.RegularExpressions;
using Vsockspec.Interop;

namespace Vsockspec.Results.Attestation;

/// <summary>How much of a bundle that nobody vouches for is looked at.</summary>
/// <param name="Entries">Files and folders.</param>
/// <param name="FileBytes">Of one file; the trace of a case ends at 2 MiB.</param>
/// <param name="TotalBytes">Of all files.</param>
internal sealed record BundleLimits(int Entries = 20_000, long FileBytes = 64 << 20, long TotalBytes = 1 << 30);

/// <summary>The files of a bundle's folder, found without following or opening anything.</summary>
/// <param name="Files">Length by path; a path is relative, with slashes.</param>
/// <param name="IsWithinLimits">False: the list is not complete, and nothing more should be read.</param>
internal sealed partial record BundleListing(IReadOnlyDictionary<string, long> Files, bool IsWithinLimits)
{
    /// <summary>True for a path that cannot lead out of the folder and means the same everywhere.</summary>
    public static bool IsPlain(string path) => path.Length <= 200 && PlainPath().IsMatch(path);

    /// <summary>Looks at everything in the folder; what does not belong into a bundle is refused and left alone.</summary>
    public static BundleListing Of(string folder, BundleLimits limits, Refusals refusals)
    {
        SortedDictionary<string, long> files = new(StringComparer.Ordinal);
        Queue<string> folders = new([""]);
        int entries = 0;
        long total = 0;
        while (folders.TryDequeue(out string? parent))
        {
            foreach (string full in Entries(Path.Combine(folder, parent), refusals))
            {
                if (++entries > limits.Entries)
                {
                    refusals.Add("too-many-files", $"the folder has more than {limits.Entries} entries");
                    return new BundleListing(files, IsWithinLimits: false);
                }

                string path = parent.Length == 0 ? Path.GetFileName(full) : $"{parent}/{Path.GetFileName(full)}";
                if (Look(full, path, refusals) is not { } found)
                {
                    continue;
                }

                if (found.Kind == EntryKind.Folder)
                {
                    folders.Enqueue(path);
                }
                else if (found.Length > limits.FileBytes)
                {
                    refusals.Add("file-too-large", $"{path}: has {found.Length} bytes; a file of a bundle has at most {limits.FileBytes}");
                }
                else
                {
                    files[path] = found.Length;
                    total += found.Length;
                }
            }
        }

        if (total <= limits.TotalBytes)
        {
            return new BundleListing(files, IsWithinLimits: true);
        }

        refusals.Add("bundle-too-large", $"the files have {total} bytes together; a bundle has at most {limits.TotalBytes}");
        return new BundleListing(files, IsWithinLimits: false);
    }

    /// <summary>A file or a folder to go into; null for what was refused.</summary>
    private static (EntryKind Kind, long Length)? Look(string full, string path, Refusals refusals)
    {
        if (!IsPlain(path))
        {
            refusals.Add("bad-name", $"{path}: no file of a bundle is called so");
            return null;
        }

        try
        {
            (EntryKind Kind, long Length) found = PlainFile.Look(full);
            switch (found.Kind)
            {
                case EntryKind.SymbolicLink:
                    refusals.Add("symlink", $"{path}: is a symbolic link; a bundle holds its files itself");
                    return null;
                case EntryKind.Special:
                    refusals.Add("special-file", $"{path}: is a FIFO, a socket or a device");
                    return null;
                case EntryKind.Folder when path.Contains('/'):
                    refusals.Add("too-deep", $"{path}: is a folder; a bundle has folders in its own only");
                    return null;
                default:
                    return found;
            }
        }
        catch (ErrnoException e)
        {
            refusals.Add("unreadable", $"{path}: {e.Message}");
            return null;
        }
    }

    private static IEnumerable<string> Entries(string folder, Refusals refusals)
    {
        try
        {
            // Lazily: a folder of millions is not read to its end.
            return Directory.EnumerateFileSystemEntries(folder, "*", new EnumerationOptions { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            refusals.Add("unreadable", $"{Path.GetFileName(folder)}: {e.Message}");
            return [];
        }
    }

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9][A-Za-z0-9._+-]*)*\z")]
    private static partial Regex PlainPath();
}
