using System.Text.RegularExpressions;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>What a user calls the kernel's own vsock tests: <c>linux-vsock-test</c>, or <c>linux-vsock-test:6.1</c> for those of another source.</summary>
/// <param name="Text">As the user wrote it.</param>
/// <param name="Line">The line of kernels whose source it is, <c>6.12</c>.</param>
public sealed partial record VsockTestName(string Text, string Line)
{
    public const string Suite = "linux-vsock-test";
    private const string DefaultLine = "6.12";

    /// <summary>The Debian package with the source.</summary>
    public string Package => $"linux-source-{Line}";

    /// <exception cref="KernelException">There is no such suite.</exception>
    public static VsockTestName Parse(string text)
    {
        string[] parts = text.Split(':', 2);
        string line = parts.Length == 2 ? parts[1] : DefaultLine;
        return parts[0] == Suite && LinePattern().IsMatch(line)
            ? new VsockTestName(text, line)
            : throw KernelException.OfInput(
                $"unknown suite '{text}'{Suggestion.For(text, [Suite])}; write {Suite}, or {Suite}:6.1 for the tests of another kernel source");
    }

    [GeneratedRegex(@"^[0-9]{1,4}\.[0-9]{1,4}\z")]
    private static partial Regex LinePattern();
}
