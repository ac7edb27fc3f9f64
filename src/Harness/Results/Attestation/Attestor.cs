using System.Security.Cryptography;
using Vsockspec.Cases;
using Vsockspec.Interop;

namespace Vsockspec.Results.Attestation;

/// <summary>Writes the attestation of a bundle, when all its other files are there.</summary>
public static class Attestor
{
    /// <summary>Takes the digest of every file in the folder, whatever it is, and writes <c>attestation.dsse.json</c>.</summary>
    /// <param name="key">Null: the attestation is not signed; it then binds the files together and vouches for nothing.</param>
    /// <exception cref="BundleException">The folder holds what does not belong into a bundle, or cannot be read or written.</exception>
    public static void Attest(string folder, RunReport report, Certificate certificate, RequirementRegister register, AttestationKey? key)
    {
        string file = Path.Combine(folder, Bundle.AttestationFile);
        Bundle.Guarded(file, () =>
        {
            File.Delete(file);
            return 0;
        });
        Refusals refusals = new();
        BundleListing listing = BundleListing.Of(folder, new BundleLimits(), refusals);
        if (refusals.All is [var first, ..])
        {
            throw new BundleException($"{folder}: {first.Text}; remove it and run 'vsockspec certify' again");
        }

        Dictionary<string, string> digests = new(StringComparer.Ordinal);
        foreach (string path in listing.Files.Keys)
        {
            digests[path] = Bundle.Guarded(path, () =>
            {
                using FileStream stream = PlainFile.Open(Path.Combine(folder, path));
                return Convert.ToHexStringLower(SHA256.HashData(stream));
            });
        }

        DsseEnvelope envelope = new(TestStatement.PayloadType, TestStatement.Build(digests, report, certificate, register), []);
        if (key is not null)
        {
            envelope = envelope with { Signatures = [new DsseSignature(key.Id, key.Sign(envelope.Signed))] };
        }

        Bundle.WriteFile(file, envelope.ToJson());
    }
}
