using System.Collections.Concurrent;
using System.Security.Cryptography;
using Vsockspec.Audit;
using Vsockspec.Interop;

namespace Vsockspec.Results.Attestation;

/// <summary>What was seen of the files of a bundle.</summary>
/// <param name="Digests">SHA-256 of every file that could be read, by path, hex.</param>
/// <param name="Labels">What every trace says it is of, by path; an empty text where it says nothing.</param>
internal sealed record FileFacts(IReadOnlyDictionary<string, string> Digests, IReadOnlyDictionary<string, string> Labels);

/// <summary>Reads the files of a bundle that nobody vouches for, each once: what is judged is what the digest is of.</summary>
internal sealed class BundleContent
{
    private readonly BundleListing listing;
    private readonly Refusals refusals;
    private readonly Dictionary<string, byte[]> documents = new(StringComparer.Ordinal);

    /// <summary>Reads the documents, which are kept in memory.</summary>
    /// <param name="folder">Full path.</param>
    public BundleContent(string folder, BundleListing listing, Refusals refusals)
    {
        Folder = folder;
        this.listing = listing;
        this.refusals = refusals;
        foreach (string name in Bundle.DocumentFiles)
        {
            byte[] content = [];
            if (Read(name, ref content) is not null)
            {
                documents[name] = content;
            }
        }
    }

    /// <summary>Full path.</summary>
    public string Folder { get; }

    public IEnumerable<string> Paths => listing.Files.Keys;

    public bool Has(string path) => listing.Files.ContainsKey(path);

    /// <summary>One of <see cref="Bundle.DocumentFiles"/>; null when it is not there, or could not be read, which was then refused.</summary>
    public byte[]? Document(string name) => documents.GetValueOrDefault(name);

    /// <summary>Looks at every file, several side by side; the traces, which are most of it, are read into the same memory one after the other.</summary>
    public FileFacts LookAtAll()
    {
        ConcurrentDictionary<string, string> digests = new(StringComparer.Ordinal);
        ConcurrentDictionary<string, string> labels = new(StringComparer.Ordinal);
        Parallel.ForEach(listing.Files.Keys, () => Array.Empty<byte>(), (path, _, buffer) =>
        {
            if ((documents.TryGetValue(path, out byte[]? document) ? document : Read(path, ref buffer)) is { } content)
            {
                digests[path] = Convert.ToHexStringLower(SHA256.HashData(content));
                if (path.StartsWith(Bundle.TracesFolder + "/", StringComparison.Ordinal) && LabelOf(path, content) is { } label)
                {
                    labels[path] = label;
                }
            }

            return buffer;
        }, _ => { });
        return new FileFacts(digests, labels);
    }

    private string? LabelOf(string path, ArraySegment<byte> content)
    {
        try
        {
            using MemoryStream stream = new(content.Array!, content.Offset, content.Count, writable: false);
            return TraceLabel.Read(stream, path) ?? "";
        }
        catch (CaptureException e)
        {
            refusals.Add("trace-malformed", e.Message);
            return null;
        }
    }

    /// <summary>The content of a file; null when it could not be read, which is refused.</summary>
    /// <param name="buffer">What it is read into. Too short, it is replaced by one that has the file's length.</param>
    private ArraySegment<byte>? Read(string path, ref byte[] buffer)
    {
        if (!listing.Files.TryGetValue(path, out long length))
        {
            return null;
        }

        try
        {
            using FileStream stream = PlainFile.Open(Path.Combine(Folder, path));
            if (buffer.Length < length)
            {
                buffer = GC.AllocateUninitializedArray<byte>(checked((int)length));
            }

            ArraySegment<byte> content = new(buffer, 0, (int)length);
            stream.ReadExactly(content);
            if (stream.ReadByte() < 0)
            {
                return content;
            }

            refusals.Add("unreadable", $"{path}: became longer while it was read");
        }
        catch (IOException e)
        {
            refusals.Add("unreadable", $"{path}: {e.Message}");
        }

        return null;
    }
}
