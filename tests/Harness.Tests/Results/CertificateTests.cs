using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Vsockspec.Harness.Tests.Targets;
using Vsockspec.Results;
using Vsockspec.Tests;

namespace Vsockspec.Harness.Tests.Results;

public sealed class CertificateTests
{
    [Test]
    public void Document_SampleCertificate_SatisfiesTheSchema()
    {
        using JsonDocument schema = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("reports/schema/certificate.schema.json")));
        using JsonDocument certificate = JsonDocument.Parse(BundleJson.Document(Sample.Certificate));

        Assert.That(new JsonSchemaCheck(schema.RootElement).Violations(certificate.RootElement), Is.Empty);
        Assert.That(schema.RootElement.GetProperty("$id").GetString(), Is.EqualTo(Certificate.SchemaId));
    }

    [Test]
    public void Write_WithCertificate_IsReadBackAndShownInTheSummary()
    {
        using Scratch scratch = new();
        Bundle.Write(scratch.Path, Sample.Report(), Sample.Register, certificate: Sample.Certificate);

        Assert.That(BundleJson.Document(Bundle.ReadCertificate(scratch.Path)!), Is.EqualTo(BundleJson.Document(Sample.Certificate)));
        Assert.That(
            File.ReadAllText(Path.Combine(scratch.Path, "summary.md")),
            Does.Contain("## Not certified\n\nsample is not certified: 1 reason.\n").And.Contain("- `failed` VSC-0102[packed+event_idx]: credit-overrun\n"));
    }

    [Test]
    public void ReadCertificate_BundleWithoutOne_IsNull()
    {
        using Scratch scratch = new();
        Assert.That(Bundle.ReadCertificate(scratch.Path), Is.Null);
    }

    [TestCase("{}", "not a certificate")]
    [TestCase("[", "not a certificate")]
    [TestCase("urn:other", "has the schema 'urn:other'")]
    public void ReadCertificate_SomethingElse_SaysWhat(string content, string message)
    {
        using Scratch scratch = new();
        string json = content.StartsWith("urn:", StringComparison.Ordinal)
            ? Encoding.UTF8.GetString(BundleJson.Document(Sample.Certificate with { Schema = content }))
            : content;
        scratch.Write("certificate.json", json);

        Assert.That(() => Bundle.ReadCertificate(scratch.Path), Throws.TypeOf<BundleException>().With.Message.Contains(message));
    }
}
