using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Results;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Tests.Certificates;

/// <summary>The whole of it, as a vendor and a stranger do it: every case of the device's role, sockets of a guest in user-mode Linux among them.</summary>
public sealed class CertifyReferenceTests
{
    [Test]
    [CancelAfter(300_000)]
    public void Certify_ReferenceInFull_IsCertifiedAndVerifies(CancellationToken cancellation)
    {
        using InstanceFolder home = InstanceFolder.Create();
        Keys keys = Keys.Make(home.Path, "vendor");
        string bundle = Path.Combine(home.Path, "b");

        (int exitCode, string output, string error) = Product.Run("certify", "--target", "reference", "--key", keys.Private, "--out", bundle);
        Assert.That(exitCode, Is.Zero, output + error);
        Assert.That(cancellation.IsCancellationRequested, Is.False);

        Certificate certificate = Bundle.ReadCertificate(bundle)!;
        Assert.That(certificate.Verdict, Is.EqualTo(CertificateVerdict.Certified));
        Assert.That(certificate.Profiles, Is.EqualTo(["device-full"]));
        Assert.That(certificate.Notes, Is.Empty);
        Assert.That(Bundle.Open(bundle, Product.Bench.Register).Cases.Select(c => c.Area), Does.Contain("sockets"));

        Stopwatch clock = Stopwatch.StartNew();
        (exitCode, output, _) = Product.Run("verify", bundle, "--key", keys.Public, "--certified");
        TestContext.Out.WriteLine($"verified in {clock.ElapsedMilliseconds} ms");
        Assert.That(exitCode, Is.Zero, output);
    }
}
