using System.Globalization;

namespace Vsockspec.Cases.Adopted;

/// <summary>Arguments of the programs.</summary>
public static class TestCommand
{
    /// <summary>Of a side of a test; every other test of the program is skipped.</summary>
    /// <param name="mode"><c>client</c> or <c>server</c>.</param>
    /// <param name="controlHost">Where the server listens, or the client connects to.</param>
    /// <param name="peerCid">Of the other side.</param>
    public static IReadOnlyList<string> Of(AdoptedTest test, string mode, string controlHost, int controlPort, ulong peerCid)
    {
        List<string> words =
        [
            $"--mode={mode}",
            $"--control-host={controlHost}",
            $"--control-port={Number(controlPort)}",
            string.Create(CultureInfo.InvariantCulture, $"--peer-cid={peerCid}"),
        ];
        for (int i = 0; test.Index is { } only && i < test.Count; i++)
        {
            if (i != only)
            {
                words.Add($"--skip={Number(i)}");
            }
        }

        return words;
    }

    /// <summary>Of the side that receives.</summary>
    public static IReadOnlyList<string> Receiver() => ["--buf-size", "64K"];

    /// <summary>Of the side that sends.</summary>
    /// <param name="bytes">As the program reads it: <c>64M</c>.</param>
    public static IReadOnlyList<string> Sender(ulong peerCid, string bytes) =>
        ["--sender", peerCid.ToString(CultureInfo.InvariantCulture), "--bytes", bytes, "--buf-size", "64K"];

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
