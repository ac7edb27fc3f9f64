using System.Text.Json;

namespace Vsockspec.Results.Attestation;

/// <summary>The envelope of a bundle: who has signed it, and which files it is about.</summary>
internal sealed record AttestationCheck(SignatureState Signature, IReadOnlyList<string> KeyIds, TestStatement? Statement)
{
    private static readonly AttestationCheck Nothing = new(SignatureState.None, [], null);

    /// <param name="json">Null: there is none.</param>
    /// <param name="key">Null: signatures cannot be checked.</param>
    public static AttestationCheck Of(byte[]? json, AttestationKey? key, Refusals refusals)
    {
        if (json is null)
        {
            refusals.Add("attestation-missing", $"there is no {Bundle.AttestationFile}, so nothing says which files belong to the bundle");
            return Nothing;
        }

        DsseEnvelope envelope;
        try
        {
            envelope = DsseEnvelope.Parse(json);
        }
        catch (JsonException e)
        {
            refusals.Add("envelope-malformed", $"{Bundle.AttestationFile}: is no DSSE envelope: {e.Message}");
            return Nothing;
        }

        SignatureState signature = Check(envelope, key, refusals);
        string[] ids = [.. envelope.Signatures.Select(s => s.KeyId)];
        if (envelope.PayloadType != TestStatement.PayloadType)
        {
            refusals.Add("payload-type", $"{Bundle.AttestationFile}: the payload is '{envelope.PayloadType}', not '{TestStatement.PayloadType}'");
            return new AttestationCheck(signature, ids, null);
        }

        try
        {
            return new AttestationCheck(signature, ids, TestStatement.Parse(envelope.Payload));
        }
        catch (JsonException e)
        {
            refusals.Add("statement-malformed", $"{Bundle.AttestationFile}: the payload is no in-toto statement of a test result: {e.Message}");
            return new AttestationCheck(signature, ids, null);
        }
    }

    /// <summary>Compares what the statement is about with what is there.</summary>
    /// <param name="digests">SHA-256 of the files that could be read, by path.</param>
    public void CompareFiles(BundleContent content, IReadOnlyDictionary<string, string> digests, Refusals refusals)
    {
        if (Statement is null)
        {
            return;
        }

        foreach ((string name, string digest) in Statement.Subjects.Where(s => !TestStatement.IsTarget(s.Key)))
        {
            if (!BundleListing.IsPlain(name) || name == Bundle.AttestationFile)
            {
                refusals.Add("subject-path", $"the attestation is about '{name}', which is no path of a file in a bundle");
            }
            else if (!content.Has(name))
            {
                refusals.Add("file-missing", $"{name}: the attestation is about it, and it is not there");
            }
            else if (digests.TryGetValue(name, out string? found) && found != digest)
            {
                refusals.Add("digest-mismatch", $"{name}: is not the file that the attestation is about: its SHA-256 is {found}, and the attested one {digest}");
            }
        }

        foreach (string path in content.Paths.Where(p => p != Bundle.AttestationFile && !Statement.Subjects.ContainsKey(p)))
        {
            refusals.Add("file-extra", $"{path}: is there, and the attestation is not about it");
        }
    }

    private static SignatureState Check(DsseEnvelope envelope, AttestationKey? key, Refusals refusals)
    {
        if (key is null)
        {
            return envelope.Signatures.Count == 0 ? SignatureState.Unsigned : SignatureState.NotChecked;
        }

        if (envelope.Signatures.Count == 0)
        {
            refusals.Add("unsigned", "a key was given, and nobody has signed the attestation");
            return SignatureState.Unsigned;
        }

        byte[] signed = envelope.Signed;
        if (envelope.Signatures.Any(s => key.HasSigned(signed, s.Value)))
        {
            return SignatureState.Valid;
        }

        if (envelope.Signatures.Any(s => s.KeyId == key.Id))
        {
            refusals.Add("signature-invalid", $"the signature that names the key {key.Id} is not over this attestation: it was changed after it was signed, or the signature was");
        }
        else
        {
            string ids = string.Join(", ", envelope.Signatures.Select(s => s.KeyId.Length == 0 ? "a key that is not named" : s.KeyId));
            refusals.Add("wrong-key", $"signed by {ids}, not by the key that was given, {key.Id}");
        }

        return SignatureState.Invalid;
    }
}
