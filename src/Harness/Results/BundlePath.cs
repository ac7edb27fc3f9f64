namespace Vsockspec.Results;

/// <summary>Paths in bundles come from files that anybody may have written.</summary>
internal static class BundlePath
{
    /// <summary>True for a plain name, or plain names with slashes between, that cannot lead out of the bundle.</summary>
    public static bool IsInside(string path) =>
        path.Length is > 0 and < 1024 && path.Split('/').All(part => part.Length > 0 && part is not ("." or "..") && !part.Any(c => c is '\\' or ':' || char.IsControl(c)));

    /// <summary>The file of that name in the bundle's folder of traces; null when it is not there, not a plain file, or the path leads elsewhere.</summary>
    public static string? FindTrace(string folder, string? trace)
    {
        if (trace is null || !IsInside(trace) || Path.GetDirectoryName(trace) != Bundle.TracesFolder)
        {
            return null;
        }

        FileInfo file = new(Path.Combine(folder, trace));

        // Pipes and devices have no length; a link could lead to anything.
        return file.Exists && file.Length > 0 && file.LinkTarget is null && file.Directory!.LinkTarget is null ? file.FullName : null;
    }
}
