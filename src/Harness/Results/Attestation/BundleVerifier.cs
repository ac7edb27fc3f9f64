using System.Text.Json;
using Vsockspec.Cases;
using Vsockspec.Targets;

namespace Vsockspec.Results.Attestation;

/// <summary>
/// Checks the bundle of a certificate, which comes from anybody, without a network: that nothing was left out, added or changed, and that what it says follows from the
/// results in it.
/// </summary>
/// <param name="suites">The folder of the profiles.</param>
public sealed class BundleVerifier(Catalogue catalogue, RequirementRegister register, string suites)
{
    /// <param name="key">Null: signatures are not checked.</param>
    /// <exception cref="BundleException">There is no bundle.</exception>
    public Verification Verify(string folder, AttestationKey? key, VerifyTime time)
    {
        string root = Path.GetFullPath(folder);
        if (!Directory.Exists(root))
        {
            throw new BundleException($"{folder}: no such folder; give the folder that 'vsockspec certify' wrote");
        }

        Refusals refusals = new();
        BundleListing listing = BundleListing.Of(root, new BundleLimits(), refusals);
        if (listing.IsWithinLimits && !listing.Files.ContainsKey(Bundle.ResultsFile) && !listing.Files.ContainsKey(Bundle.AttestationFile) && refusals.All.Count == 0)
        {
            throw new BundleException($"{folder}: has neither {Bundle.ResultsFile} nor {Bundle.AttestationFile}; give the folder that 'vsockspec certify' wrote");
        }

        return listing.IsWithinLimits
            ? Check(new BundleContent(root, listing, refusals), key, time, listing.Files.Count, refusals)
            : new Verification { Refusals = refusals.All, Signature = SignatureState.None, KeyIds = [], Certificate = null, Files = listing.Files.Count, Results = 0 };
    }

    private Verification Check(BundleContent content, AttestationKey? key, VerifyTime time, int files, Refusals refusals)
    {
        Task<FileFacts> look = Task.Run(content.LookAtAll);
        AttestationCheck attestation = AttestationCheck.Of(content.Document(Bundle.AttestationFile), key, refusals);
        ResultsCheck? results = ResultsCheck.Of(content, SuiteIdentity.Of(catalogue, register, suites), register, refusals);
        Certificate? certificate = CertificateCheck.Read(content, refusals);

        // Rendered meanwhile.
        Refusals ofDocuments = new();
        Task documents = Task.Run(() => results?.CompareDocuments(content, certificate, register, ofDocuments));
        if (results is not null && certificate is not null)
        {
            CertificateCheck.CompareDates(certificate, results.Stated, time, refusals);
            if (results.Derived is { } derived)
            {
                CompareCases(derived, certificate, refusals);
                ComparePredicate(attestation.Statement, derived, certificate, refusals);
            }
        }

        documents.GetAwaiter().GetResult();
        refusals.AddAll(ofDocuments);
        FileFacts facts = look.GetAwaiter().GetResult();
        if (results is not null)
        {
            CompletenessCheck.CompareTraces(results.Stated, content, facts.Labels, refusals);
        }

        attestation.CompareFiles(content, facts.Digests, refusals);
        return new Verification
        {
            Refusals = refusals.All,
            Signature = attestation.Signature,
            KeyIds = [.. attestation.KeyIds.Select(Printable.Clean)],
            Certificate = certificate,
            Files = files,
            Results = results?.Stated.Cases.Count ?? 0,
        };
    }

    private void CompareCases(RunReport derived, Certificate certificate, Refusals refusals)
    {
        if (CompletenessCheck.Asked(derived, certificate, catalogue, register, name => Profile.Find(name, suites), refusals) is { } asked)
        {
            CompletenessCheck.Compare(derived, asked, certificate.Repetitions, register, refusals);
            CertificateCheck.Compare(certificate, derived, asked, register, refusals);
        }
    }

    private void ComparePredicate(TestStatement? statement, RunReport derived, Certificate certificate, Refusals refusals)
    {
        if (statement is null)
        {
            return;
        }

        using JsonDocument expected = TestStatement.PredicateOf(derived, certificate, register);
        if (!JsonElement.DeepEquals(statement.Predicate, expected.RootElement))
        {
            refusals.Add("predicate-forged", "the attestation's test result does not follow from the results and the certificate");
        }

        string? attested = statement.Subjects.GetValueOrDefault(TestStatement.TargetSubject(derived));
        if (attested != derived.Target.Digest || statement.Subjects.Keys.Count(TestStatement.IsTarget) != (attested is null ? 0 : 1))
        {
            refusals.Add("target-differs", $"the attestation is about the program {attested ?? "of no digest"}, and the results about {derived.Target.Digest ?? "one of no digest"}");
        }
    }
}
