using System.Globalization;
using System.Text.RegularExpressions;

namespace Vsockspec.Perf.Guests;

/// <summary>Which end of a transfer a process is.</summary>
public enum TransferEnd
{
    Sender,
    Receiver,
}

/// <summary>What vsock_perf says of its transfer. The output comes from a guest and is untrusted.</summary>
/// <param name="Bytes">That it has sent or received.</param>
/// <param name="MebibytesPerSecond">
/// Its own rate: a sender divides by its time inside send(2), a receiver by the time from accept to the end of the stream, both by CLOCK_REALTIME.
/// </param>
public sealed partial record VsockPerfWords(long Bytes, double MebibytesPerSecond)
{
    /// <summary>Where a guest has the program.</summary>
    public const string Place = "/bin/vsock_perf";

    private const double BitsPerMebibyte = 8.0 * (1 << 20);

    /// <summary>Null when a line is missing, is there twice, or has no number.</summary>
    public static VsockPerfWords? Read(string output, TransferEnd end)
    {
        MatchCollection bytes = (end == TransferEnd.Sender ? SentBytes() : ReceivedBytes()).Matches(output);
        MatchCollection rate = (end == TransferEnd.Sender ? SentRate() : ReceivedRate()).Matches(output);
        return bytes is [var b] && rate is [var r]
            ? new VsockPerfWords(
                long.Parse(b.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture),
                double.Parse(r.Groups[1].ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture) * 1e9 / BitsPerMebibyte)
            : null;
    }

    /// <summary>Arguments of a process that sends; it connects.</summary>
    /// <param name="size">Bytes of each send(2).</param>
    public static IReadOnlyList<string> SenderArguments(uint peerCid, uint port, long total, int size) =>
        ["--sender", Number(peerCid), "--port", Number(port), "--bytes", Number(total), "--buf-size", Number(size)];

    /// <summary>Arguments of a process that receives; it listens.</summary>
    /// <param name="room">Bytes of each read(2).</param>
    /// <param name="buffer">Bytes of the socket's buffer.</param>
    public static IReadOnlyList<string> ReceiverArguments(uint port, int room, int buffer) =>
        ["--port", Number(port), "--buf-size", Number(room), "--vsk-size", Number(buffer)];

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^total bytes sent: ([0-9]{1,18})\r?$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex SentBytes();

    [GeneratedRegex(@"^total bytes received: ([0-9]{1,18})\r?$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex ReceivedBytes();

    [GeneratedRegex(@"^tx performance: ([0-9]{1,9}\.[0-9]{1,9}) Gbits/s\r?$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex SentRate();

    [GeneratedRegex(@"^rx performance: ([0-9]{1,9}\.[0-9]{1,9}) Gbits/s\r?$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex ReceivedRate();
}
