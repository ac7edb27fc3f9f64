using System.Text.Json;
using Vsockspec.Cases;

namespace Vsockspec.Results.Attestation;

/// <summary>The results of a bundle: whether they can be read, are written as vsockspec writes them, and say of themselves what follows from the cases.</summary>
/// <param name="Stated">As the file has it.</param>
/// <param name="Derived">As it follows from the cases; null where they are of another suite.</param>
internal sealed record ResultsCheck(RunReport Stated, RunReport? Derived)
{
    /// <summary>Parts of the document that follow from its cases, and what a wrong one is called.</summary>
    private static readonly (string Member, string Code)[] DerivedParts =
    [
        ("auditor", "auditor-forged"), ("requirements", "requirements-forged"), ("implementationProfile", "profile-forged"), ("summary", "summary-forged"),
    ];

    /// <summary>Null when they cannot be read.</summary>
    /// <param name="suite">That of this program.</param>
    public static ResultsCheck? Of(BundleContent content, SuiteInfo suite, RequirementRegister register, Refusals refusals)
    {
        if (content.Document(Bundle.ResultsFile) is not { } json)
        {
            refusals.Add("results-missing", $"there is no {Bundle.ResultsFile} that can be read");
            return null;
        }

        RunReport stated;
        try
        {
            stated = BundleJson.ParseUntrustedDocument(json);
        }
        catch (JsonException e)
        {
            refusals.Add("results-malformed", $"{Bundle.ResultsFile}: is no results document: {e.Message}");
            return null;
        }

        if (stated.Schema != RunReport.SchemaId)
        {
            refusals.Add("results-schema", $"{Bundle.ResultsFile}: has the schema '{stated.Schema}'; this version reads {RunReport.SchemaId}");
            return null;
        }

        if (!BundleJson.Document(stated).AsSpan().SequenceEqual(json))
        {
            refusals.Add("not-canonical", $"{Bundle.ResultsFile}: is not written as vsockspec writes what it says");
        }

        if (stated.Run.State != RunState.Complete)
        {
            refusals.Add("run-incomplete", $"the run did not come to its end: it is {stated.Run.State}{(stated.Run.Error is { } error ? $", {error}" : "")}");
        }

        return IsOf(stated.Suite, suite, refusals) ? new ResultsCheck(stated, Derive(stated, register, json, refusals)) : new ResultsCheck(stated, null);
    }

    /// <summary>The documents beside it have to be what is made of the results, byte for byte: people read those.</summary>
    public void CompareDocuments(BundleContent content, Certificate? certificate, RequirementRegister register, Refusals refusals)
    {
        if (Derived is null)
        {
            return;
        }

        byte[] lines = [.. Derived.Cases.SelectMany(BundleJson.Line)];
        if (content.Document(Bundle.CasesFile) is { } found && !lines.AsSpan().SequenceEqual(found))
        {
            refusals.Add("lines-differ", $"{Bundle.CasesFile}: does not say the same as {Bundle.ResultsFile}");
        }

        foreach ((string name, byte[] expected) in Bundle.Documents(content.Folder, Derived, register, earlier: null, certificate))
        {
            if (name is not (Bundle.ResultsFile or Bundle.CertificateFile) && content.Document(name) is { } document && !expected.AsSpan().SequenceEqual(document))
            {
                refusals.Add("document-differs", $"{name}: is not what vsockspec makes of these results");
            }
        }

        foreach (string name in Bundle.DocumentFiles.Where(n => n is not (Bundle.AttestationFile or Bundle.CertificateFile) && !content.Has(n)))
        {
            refusals.Add("document-missing", $"{name}: belongs to every certified bundle, and is not there");
        }
    }

    private static bool IsOf(SuiteInfo made, SuiteInfo suite, Refusals refusals)
    {
        if (made.Adopted is not null)
        {
            refusals.Add("other-suite", $"the cases are tests of {made.Adopted.Name}, which certify nothing");
            return false;
        }

        if ((made.Name, made.Version, made.CatalogueHash, made.RegisterHash, made.ProfilesHash) == (suite.Name, suite.Version, suite.CatalogueHash, suite.RegisterHash, suite.ProfilesHash))
        {
            return true;
        }

        refusals.Add(
            "other-suite",
            $"was made by {Name(made)}, and this is {Name(suite)}: what it has to hold, and what follows from it, is known to that version only; verify it with that");
        return false;
    }

    private static string Name(SuiteInfo suite) =>
        $"{suite.Name} {suite.Version} (commit {suite.Commit ?? "unknown"}, catalogue {Short(suite.CatalogueHash)}, register {Short(suite.RegisterHash)}, profiles {Short(suite.ProfilesHash)})";

    private static string Short(string? hash) => hash switch
    {
        null => "unknown",
        { Length: <= 12 } => hash,
        _ => hash[..12],
    };

    private static RunReport? Derive(RunReport stated, RequirementRegister register, byte[] json, Refusals refusals)
    {
        RunReport derived;
        try
        {
            derived = ReportBuilder.Build(stated.Suite, stated.Target, stated.Environment, stated.Run, stated.Guests, Bundle.WithFindings(stated), register) with
            {
                Expectations = stated.Expectations,
                Parts = stated.Parts,
            };
        }
        catch (KeyNotFoundException e)
        {
            refusals.Add("requirements-forged", $"{Bundle.ResultsFile}: {e.Message}");
            return null;
        }

        using JsonDocument here = JsonDocument.Parse(json, StrictJson.Document);
        using JsonDocument there = JsonDocument.Parse(BundleJson.Document(derived));
        foreach ((string member, string code) in DerivedParts)
        {
            if (!JsonElement.DeepEquals(here.RootElement.GetProperty(member), there.RootElement.GetProperty(member)))
            {
                refusals.Add(code, $"{Bundle.ResultsFile}: '{member}' does not follow from the cases");
            }
        }

        return derived;
    }
}
