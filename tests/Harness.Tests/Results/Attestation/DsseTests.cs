using System.Diagnostics;
using System.Formats.Asn1;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Vsockspec.Harness.Tests.Targets;
using Vsockspec.Results.Attestation;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Results.Attestation;

public sealed class DsseTests
{
    private const string Type = "http://example.com/HelloWorld";
    private static readonly byte[] Body = "hello world"u8.ToArray();

    /// <summary>The example of DSSE 1.0.2, protocol.md, section "Test Vectors".</summary>
    [Test]
    public void PreAuthentication_PublishedExample_IsThat() => Assert.That(
        Encoding.ASCII.GetString(DsseEnvelope.PreAuthentication(Type, Body)), Is.EqualTo("DSSEv1 29 http://example.com/HelloWorld 11 hello world"));

    [Test]
    public void PreAuthentication_Lengths_AreThoseOfBytes() => Assert.That(
        DsseEnvelope.PreAuthentication("é", "ü!"u8), Is.EqualTo("DSSEv1 2 é 3 ü!"u8.ToArray()));

    /// <summary>The key and the signature of the same example; its r and s stand side by side, where ours are in DER.</summary>
    [Test]
    public void HasSigned_PublishedSignature_IsValid()
    {
        using Scratch scratch = new();
        ECParameters parameters = new()
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint
            {
                X = Bytes("46950820868899156662930047687818585632848591499744589407958293238635476079160"),
                Y = Bytes("5640078356564379163099075877009565129882514886557779369047442380624545832820"),
            },
        };
        using ECDsa publicKey = ECDsa.Create(parameters);
        using AttestationKey key = AttestationKey.Load(scratch.Write("pub.pem", publicKey.ExportSubjectPublicKeyInfoPem()), toSign: false);
        byte[] signature = Convert.FromBase64String("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==");

        Assert.That(key.HasSigned(new DsseEnvelope(Type, Body, []).Signed, Der(signature)));
        signature[5] ^= 1;
        Assert.That(key.HasSigned(new DsseEnvelope(Type, Body, []).Signed, Der(signature)), Is.False);
        Assert.That(key.HasSigned(new DsseEnvelope(Type, Body, []).Signed, [1, 2, 3]), Is.False);
    }

    [Test]
    public void Parse_WhatToJsonWrote_IsTheSame()
    {
        DsseEnvelope envelope = new(Type, Body, [new DsseSignature("key", [1, 2, 3]), new DsseSignature("", [])]);
        DsseEnvelope read = DsseEnvelope.Parse(envelope.ToJson());

        Assert.That(read.PayloadType, Is.EqualTo(Type));
        Assert.That(read.Payload, Is.EqualTo(Body));
        Assert.That(read.Signatures.Select(s => (s.KeyId, Convert.ToHexString(s.Value))), Is.EqualTo([("key", "010203"), ("", "")]));
    }

    [TestCase("aGVsbG8/Pz4+", "aGVsbG8_Pz4-", TestName = "Parse_Base64ForUrls_IsTakenToo")]
    [TestCase("aGVsbG8=", "aGVsbG8", TestName = "Parse_Base64ForUrlsWithoutPadding_IsTakenToo")]
    public void Parse_EitherAlphabet_IsTaken(string usual, string forUrls) => Assert.That(
        DsseEnvelope.Parse(Encoding.UTF8.GetBytes($$"""{"payload":"{{forUrls}}","payloadType":"t","signatures":[],"later":1}""")).Payload,
        Is.EqualTo(Convert.FromBase64String(usual)));

    [TestCase("[]")]
    [TestCase("")]
    [TestCase("{")]
    [TestCase("""{"payload":"","payloadType":"t"}""")]
    [TestCase("""{"payload":"!","payloadType":"t","signatures":[]}""")]
    [TestCase("""{"payload":1,"payloadType":"t","signatures":[]}""")]
    [TestCase("""{"payload":"","payload":"","payloadType":"t","signatures":[]}""")]
    [TestCase("""{"payload":"","payloadType":"\ud800","signatures":[]}""")]
    [TestCase("""{"payload":"","payloadType":"t","signatures":[{}]}""")]
    [TestCase("""{"payload":"","payloadType":"t","signatures":[{"sig":"","keyid":7}]}""")]
    [TestCase("""{"payload":"","payloadType":"t","signatures":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}""")]
    public void Parse_SomethingElse_IsRefused(string json) => Assert.That(() => DsseEnvelope.Parse(Encoding.UTF8.GetBytes(json)), Throws.InstanceOf<JsonException>());

    /// <summary>OpenSSL makes the key, takes our signature, and finds one that was changed.</summary>
    [TestCase(false, TestName = "Sign_WithAKeyOfOpenSsl_OpenSslVerifies")]
    [TestCase(true, TestName = "Sign_WithAnOldKeyOfOpenSsl_OpenSslVerifies")]
    public void Sign_WithAKeyOfOpenSsl_OpenSslVerifiesIt(bool sec1)
    {
        using Scratch scratch = new();
        string file = Path.Combine(scratch.Path, "key.pem");
        string publicFile = Path.Combine(scratch.Path, "pub.pem");
        string[] make = sec1 ? ["ecparam", "-genkey", "-name", "prime256v1", "-out", file] : ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file];
        Assert.That(OpenSsl(make), Is.Zero);
        Assert.That(OpenSsl("pkey", "-in", file, "-pubout", "-out", publicFile), Is.Zero);

        using AttestationKey key = AttestationKey.Load(file, toSign: true);
        using AttestationKey publicKey = AttestationKey.Load(publicFile, toSign: false);
        DsseEnvelope envelope = new("application/vnd.in-toto+json", Body, []);
        File.WriteAllBytes(Path.Combine(scratch.Path, "signed"), envelope.Signed);
        File.WriteAllBytes(Path.Combine(scratch.Path, "sig"), key.Sign(envelope.Signed));

        Assert.That(publicKey.Id, Is.EqualTo(key.Id).And.Length.EqualTo(64));
        Assert.That(OpenSsl("dgst", "-sha256", "-verify", publicFile, "-signature", Path.Combine(scratch.Path, "sig"), Path.Combine(scratch.Path, "signed")), Is.Zero);
        File.AppendAllText(Path.Combine(scratch.Path, "signed"), "x");
        Assert.That(OpenSsl("dgst", "-sha256", "-verify", publicFile, "-signature", Path.Combine(scratch.Path, "sig"), Path.Combine(scratch.Path, "signed")), Is.Not.Zero);
        Assert.That(() => AttestationKey.Load(publicFile, toSign: true), Throws.TypeOf<DataFileException>().With.Message.EqualTo($"{publicFile}: is a public key, which can only check; give the private one"));
    }

    [Test]
    public void Load_FileThatIsNoSuchKey_SaysWhatToDo()
    {
        using Scratch scratch = new();
        using ECDsa other = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using RSA rsa = RSA.Create(2048);
        string encrypted = key.ExportEncryptedPkcs8PrivateKeyPem("secret", new PbeParameters(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1));

        Refuses(scratch.Write("p384.pem", other.ExportPkcs8PrivateKeyPem()), "the key is not on the curve P-256; make one with: openssl genpkey");
        Refuses(scratch.Write("rsa.pem", rsa.ExportPkcs8PrivateKeyPem()), "holds no key for ECDSA on P-256 in PEM");
        Refuses(scratch.Write("empty.pem", ""), "holds no key for ECDSA on P-256 in PEM");
        Refuses(scratch.Write("encrypted.pem", encrypted), "the key is encrypted; write it without a password: openssl pkey");
        Refuses(scratch.Write("large.pem", new string('x', 1 << 20)), "is larger than a key can be");
        Refuses(Path.Combine(scratch.Path, "nothing.pem"), "Could not find file");
    }

    private static void Refuses(string file, string message) => Assert.That(
        () => AttestationKey.Load(file, toSign: true), Throws.TypeOf<DataFileException>().With.Message.StartsWith(file + ": ").And.Message.Contains(message));

    private static int OpenSsl(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("openssl", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }

    private static byte[] Bytes(string number) => BigInteger.Parse(number, CultureInfo.InvariantCulture).ToByteArray(isUnsigned: true, isBigEndian: true) is var bytes
        ? [.. new byte[32 - bytes.Length], .. bytes]
        : [];

    private static byte[] Der(ReadOnlySpan<byte> sideBySide)
    {
        AsnWriter writer = new(AsnEncodingRules.DER);
        writer.PushSequence();
        writer.WriteInteger(new BigInteger(sideBySide[..32], isUnsigned: true, isBigEndian: true));
        writer.WriteInteger(new BigInteger(sideBySide[32..], isUnsigned: true, isBigEndian: true));
        writer.PopSequence();
        return writer.Encode();
    }
}
