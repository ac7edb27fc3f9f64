namespace Vsockspec.Audit;

/// <summary>A capture file cannot be judged. The message names the file, the byte, the field and the remedy.</summary>
public sealed class CaptureException : Exception
{
    private CaptureException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }

    internal static CaptureException At(string file, long offset, string problem) => new($"{file}: at byte {offset}: {problem}");

    internal static CaptureException Of(string file, string problem, Exception? inner = null) => new($"{file}: {problem}", inner);
}
