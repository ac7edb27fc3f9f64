using System.Security.Cryptography;

namespace Vsockspec.Cli.Tests.Certificates;

/// <summary>A pair of keys in a folder.</summary>
internal sealed record Keys(string Private, string Public)
{
    public static Keys Make(string folder, string name)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Keys keys = new(Path.Combine(folder, name + ".pem"), Path.Combine(folder, name + ".pub.pem"));
        File.WriteAllText(keys.Private, key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(keys.Public, key.ExportSubjectPublicKeyInfoPem());
        return keys;
    }
}
