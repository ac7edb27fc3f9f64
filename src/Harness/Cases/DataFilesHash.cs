using System.Security.Cryptography;
using System.Text;

namespace Vsockspec.Cases;

/// <summary>Tells whether two folders of the suite's data are the same.</summary>
internal static class DataFilesHash
{
    /// <summary>SHA-256 over names and contents of a folder's YAML files, hex.</summary>
    public static string Of(string folder)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in Directory.EnumerateFiles(folder, "*.yaml").Order(StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(Path.GetFileName(file) + '\n'));
            hash.AppendData(File.ReadAllBytes(file));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
