using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Vsockspec.Cases;
using Vsockspec.Targets;

namespace Vsockspec.Results;

/// <summary>Which suite this is.</summary>
public static class SuiteIdentity
{
    /// <param name="suites">The folder of the profiles.</param>
    public static SuiteInfo Of(Catalogue catalogue, RequirementRegister register, string suites)
    {
        // The SDK appends the commit of the work tree: 0.1.0+c878dc3...
        string[] version = typeof(SuiteIdentity).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+', 2);
        return new SuiteInfo("vsockspec", version[0], version.Length == 2 ? version[1] : null, HashOf(catalogue), register.Hash)
        {
            ProfilesHash = Profile.HashOf(suites),
            KillMatrix = PublishedKillMatrix.Load(Path.Combine(SuiteData.Folder, PublishedKillMatrix.FileName)) is { } matrix
                ? new KillMatrixInfo(matrix.Digest, matrix.Mutants.Count, matrix.Killed)
                : null,
        };
    }

    /// <summary>SHA-256 over every case's id, title, requirements and variants.</summary>
    private static string HashOf(Catalogue catalogue)
    {
        StringBuilder text = new();
        foreach (CaseInfo info in catalogue.Cases)
        {
            text.Append(info.Id).Append('\t').Append(info.Title).Append('\t').AppendJoin(',', info.Requirements).Append('\t')
                .AppendJoin(',', info.Variants).Append('\n');
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
