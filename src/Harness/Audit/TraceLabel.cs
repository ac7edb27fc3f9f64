namespace Vsockspec.Audit;

/// <summary>What a trace is of. It stands in the file itself, so that a trace cannot be taken for that of another case.</summary>
/// <param name="Case">Full name.</param>
/// <param name="Repetition">From 1.</param>
/// <param name="Seed">The case's own.</param>
public sealed record TraceLabel(string Case, int Repetition, ulong Seed)
{
    /// <summary>Where the trace lies in its folder: <c>VSC-0101.split+event_idx.2.pcapng</c>.</summary>
    public string FileName =>
        Case.Replace('[', '.').Replace("]", "", StringComparison.Ordinal) + (Repetition > 1 ? $".{Repetition}" : "") + ".pcapng";

    /// <summary>The comment in the file.</summary>
    public override string ToString() => $"trace of {Case}, repetition {Repetition}, seed {Seed}";

    /// <summary>The label that a file has, as <see cref="ToString"/> gives it: its first comment, whatever that is; null when it has none. Only its beginning is read.</summary>
    /// <param name="stream">An untrusted file, at its start.</param>
    /// <param name="name">What errors call it.</param>
    /// <exception cref="CaptureException">It is no pcapng file.</exception>
    public static string? Read(Stream stream, string name)
    {
        ByteSource source = new(stream, name);
        byte[] type = source.Read(4, "the section header");
        if (source.UInt32(type) != PcapngFormat.SectionHeader)
        {
            throw source.Bad("the first block", $"has the type 0x{source.UInt32(type):x8}, not that of a section header");
        }

        return new PcapngReader(source).Comments is [var first, ..] ? first : null;
    }
}
