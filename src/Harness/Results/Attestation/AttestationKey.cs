using System.Security.Cryptography;
using System.Text;
using Vsockspec.Targets;

namespace Vsockspec.Results.Attestation;

/// <summary>
/// A key for attestations: ECDSA on P-256 with SHA-256, signatures in DER (RFC 3279 section 2.2.3), as OpenSSL, cosign and securesystemslib have them.
/// </summary>
public sealed class AttestationKey : IDisposable
{
    private const int MaxFileBytes = 64 << 10;
    private const string P256 = "1.2.840.10045.3.1.7";
    private const string HowToMake = "make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem";
    private readonly ECDsa key;

    private AttestationKey(ECDsa key)
    {
        this.key = key;
        Id = Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo()));
    }

    /// <summary>SHA-256 over the public key's SubjectPublicKeyInfo, hex.</summary>
    public string Id { get; }

    /// <summary>Reads a PEM file: a private key (PKCS#8 or SEC 1) to sign, a public one or a private one to check.</summary>
    /// <exception cref="DataFileException">The file cannot be read, or holds no such key.</exception>
    public static AttestationKey Load(string file, bool toSign)
    {
        string pem = Read(file);
        ECDsa key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            if (key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value != P256)
            {
                throw new DataFileException($"{file}: the key is not on the curve P-256; {HowToMake}");
            }

            return toSign && pem.Contains("-----BEGIN PUBLIC KEY-----", StringComparison.Ordinal)
                ? throw new DataFileException($"{file}: is a public key, which can only check; give the private one")
                : new AttestationKey(key);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            string why = pem.Contains("ENCRYPTED", StringComparison.Ordinal)
                ? "the key is encrypted; write it without a password: openssl pkey -in FILE -out key.pem"
                : $"holds no key for ECDSA on P-256 in PEM; {HowToMake}";
            throw new DataFileException($"{file}: {why}", e);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    public byte[] Sign(ReadOnlySpan<byte> data) => key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    public bool HasSigned(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        key.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    public void Dispose() => key.Dispose();

    private static string Read(string file)
    {
        try
        {
            using FileStream stream = File.OpenRead(file);
            byte[] bytes = new byte[MaxFileBytes];
            int length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return length < bytes.Length
                ? Encoding.UTF8.GetString(bytes, 0, length)
                : throw new DataFileException($"{file}: is larger than a key can be ({MaxFileBytes} bytes)");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFileException($"{file}: {e.Message}", e);
        }
    }
}
