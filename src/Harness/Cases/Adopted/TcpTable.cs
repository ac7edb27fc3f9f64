using System.Globalization;

namespace Vsockspec.Cases.Adopted;

/// <summary>/proc/net/tcp: who listens, told without connecting, for a control connection is taken only once.</summary>
public static class TcpTable
{
    public const string Path = "/proc/net/tcp";
    private const string Listening = "0A";

    /// <param name="table">The file's text.</param>
    public static bool Listens(string table, int port) => table.Split('\n').Skip(1).Any(line =>
    {
        // sl local_address rem_address st ...
        string[] columns = line.Split(' ', 5, StringSplitOptions.RemoveEmptyEntries);
        return columns.Length == 5
            && columns[3] == Listening
            && columns[1].Split(':') is [_, var hex]
            && int.TryParse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out int found)
            && found == port;
    });
}
