using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Results.Attestation;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec verify</c>: checks the bundle of a certificate, which may come from anybody.</summary>
internal static class VerifyCommand
{
    public static Command Create(Workbench bench)
    {
        Argument<string> bundle = new("DIR") { Description = "Folder that 'vsockspec certify' wrote." };
        Option<string?> key = new("--key")
        {
            Description = "Whose signature it has to have: the public key, PEM. [default: signatures are not checked]",
            HelpName = "PUB.pem",
        };
        Option<VerifyTime?> at = new("--at")
        {
            Description = "Whether it is valid at this time: 2031-12-31 or 2031-12-31T23:59:59Z. [default: now]",
            HelpName = "DATE",
            CustomParser = ParseTime,
        };
        Option<bool> certified = new("--certified") { Description = "Exit with 1 also when the bundle is in order and says that the target is not certified." };
        Option<bool> json = CommonOptions.Json();
        Command command = new("verify", "Check offline that nothing of a certificate's bundle is missing, added or changed, and that what it says follows from its results.")
        {
            bundle, key, at, certified, json,
        };
        command.SetAction(parsed =>
        {
            // Read while the catalogue is.
            Task<RequirementRegister> register = Task.Run(() => bench.Register);
            using AttestationKey? signer = parsed.GetValue(key) is { } file ? AttestationKey.Load(file, toSign: false) : null;
            BundleVerifier verifier = new(bench.Catalogue, register.GetAwaiter().GetResult(), bench.Suites);
            Verification verification = verifier.Verify(parsed.GetRequiredValue(bundle), signer, parsed.GetValue(at) ?? VerifyTime.At(bench.Time.GetUtcNow()));
            if (parsed.GetValue(json))
            {
                bench.Out.WriteLine(JsonSerializer.Serialize(Document(verification), CliJson.Options));
            }
            else
            {
                Print(verification, bench.Out);
            }

            return (parsed.GetValue(certified) ? verification.IsCertified : verification.IsVerified) ? ExitCodes.Passed : ExitCodes.TargetFailed;
        });
        return command;
    }

    private static VerifyTime? ParseTime(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day))
        {
            return VerifyTime.On(day);
        }

        if (DateTimeOffset.TryParseExact(text, "yyyy-MM-dd'T'HH:mm:ssK", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset moment))
        {
            return VerifyTime.At(moment);
        }

        result.AddError($"--at {text}: not a date; write it 2031-12-31 or 2031-12-31T23:59:59Z");
        return null;
    }

    private static void Print(Verification verification, TextWriter output)
    {
        if (!verification.IsVerified)
        {
            output.WriteLine($"refused: {(verification.Refusals.Count == 1 ? "1 reason" : $"{verification.Refusals.Count} reasons")}");
            foreach (Refusal refusal in verification.Refusals)
            {
                output.WriteLine($"  {refusal.Code,-19}  {refusal.Text}");
            }

            return;
        }

        Certificate certificate = verification.Certificate!;
        output.WriteLine($"complete and consistent; {Words(verification)}");
        output.WriteLine(Printable.Clean(certificate.Statement));
        foreach (CertificateReason reason in certificate.Reasons)
        {
            output.WriteLine($"  {reason.Code,-19}  {Printable.Clean(reason.Text.ReplaceLineEndings(" "))}");
        }

        foreach (string note in certificate.Notes)
        {
            output.WriteLine($"note: {Printable.Clean(note)}");
        }

        output.WriteLine($"issued {Date(certificate.IssuedAt)}, valid until {Date(certificate.ValidUntil)}; {verification.Results} results, {verification.Files} files");
    }

    private static string Words(Verification verification) => verification.Signature switch
    {
        SignatureState.Valid => "signed by the key that was given",
        SignatureState.NotChecked => $"signed, as it says, by {string.Join(", ", verification.KeyIds)}; not checked: give that one's public key with --key",
        _ => "not signed: anyone could have made it",
    };

    private static string Date(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static JsonObject Document(Verification verification)
    {
        JsonObject document = new()
        {
            ["verified"] = verification.IsVerified,
            ["certified"] = verification.IsCertified,
            ["signature"] = verification.Signature.ToString(),
            ["keyIds"] = new JsonArray([.. verification.KeyIds.Select(id => JsonValue.Create(id))]),
            ["refusals"] = new JsonArray([.. verification.Refusals.Select(r => new JsonObject { ["code"] = r.Code, ["text"] = r.Text })]),
            ["files"] = verification.Files,
            ["results"] = verification.Results,
        };
        if (verification.Certificate is { } certificate)
        {
            document["verdict"] = certificate.Verdict.ToString();
            document["statement"] = Printable.Clean(certificate.Statement);
            document["target"] = Printable.Clean(certificate.Target.Name);
            document["digest"] = certificate.Target.Digest;
            document["profiles"] = new JsonArray([.. certificate.Profiles.Select(p => JsonValue.Create(Printable.Clean(p)))]);
            document["issuedAt"] = certificate.IssuedAt.ToString("O", CultureInfo.InvariantCulture);
            document["validUntil"] = certificate.ValidUntil.ToString("O", CultureInfo.InvariantCulture);
        }

        return document;
    }
}
