using System.Xml;
using System.Xml.Schema;
using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Tests;

namespace Vsockspec.Harness.Tests.Results;

/// <summary>Each document of a bundle, judged by its own published schema or by a program of others that reads it.</summary>
public sealed class ConsumerTests
{
    private const string Node = "node";
    private string folder = "";

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory("vs-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(folder, recursive: true);

    [Test]
    public void Results_OfARun_AreAsTheirPublishedSchemaSays()
    {
        using SmallBundle bundle = new();
        Assert.That(Validate(Repository.PathOf("reports/schema/results.schema.json"), BundleJson.Document(bundle.Report)), Is.EqualTo((0, "")));
    }

    [Test]
    public void Ctrf_OfARun_IsAsItsPublishedSchemaSays()
    {
        using SmallBundle bundle = new();
        Assert.That(Validate(Tool.Schema("node_modules/ctrf/dist/ctrf-schema-0.0.json"), Ctrf.Render(WithRealId(bundle.Report))), Is.EqualTo((0, "")));
    }

    [Test]
    public void Ctrf_WithAnUnknownStatus_IsRefused()
    {
        string text = System.Text.Encoding.UTF8.GetString(Ctrf.Render(Sample.Report())).Replace("\"passed\"", "\"fine\"", StringComparison.Ordinal);
        (int exitCode, string output) = Validate(Tool.Schema("node_modules/ctrf/dist/ctrf-schema-0.0.json"), System.Text.Encoding.UTF8.GetBytes(text));
        Assert.That(exitCode, Is.EqualTo(1));
        Assert.That(output, Does.Contain("must be equal to one of the allowed values"));
    }

    [Test]
    public void Sarif_OfARun_IsWhatCodeScanningTakes()
    {
        using SmallBundle bundle = new();
        (int exitCode, string output) = CheckSarif(Sarif.Render(bundle.Report, bundle.Register));
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Not.Contain(": error ").And.Contain("Analysis completed successfully"));
    }

    [Test]
    public void Sarif_OfTheWholeRegister_IsWhatCodeScanningTakes()
    {
        CaseResult[] cases = [.. Sample.Register.Requirements.Select((row, i) => Sample.Failed with { Id = $"VSC-{i:0000}", Requirements = [row.Id] })];
        RunReport report = ReportBuilder.Build(Sample.Suite, Sample.Target, Sample.Machine, Sample.Run with { State = RunState.Complete }, [], cases, Sample.Register);
        (int exitCode, string output) = CheckSarif(Sarif.Render(report, Sample.Register));
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Not.Contain(": error ").And.Contain("Analysis completed successfully"));
    }

    [Test]
    public void Sarif_WithoutAPlace_IsRefused()
    {
        string text = System.Text.Encoding.UTF8.GetString(Sarif.Render(Sample.Report(), Sample.Register)).Replace("\"locations\"", "\"codeFlows\"", StringComparison.Ordinal);
        Assert.That(CheckSarif(System.Text.Encoding.UTF8.GetBytes(text)).Output, Does.Contain(": error "));
    }

    [Test]
    public void JUnit_OfARun_IsAsSurefiresOwnSchemaSays()
    {
        using SmallBundle bundle = new();
        Assert.That(ValidateBySurefire(JUnit.Render(bundle.Report)), Is.Empty);
        Assert.That(ValidateBySurefire(JUnit.Render(Sample.Report())), Is.Empty);
    }

    [Test]
    public void JUnit_PropertiesOfACase_AreRefusedBySurefiresSchema()
    {
        using SmallBundle bundle = new();
        string text = System.Text.Encoding.UTF8.GetString(JUnit.Render(bundle.Report)).Replace("<system-out>", "<properties /><system-out>", StringComparison.Ordinal);
        Assert.That(ValidateBySurefire(System.Text.Encoding.UTF8.GetBytes(text)), Is.Not.Empty);
    }

    [Test]
    public void JUnit_OfARun_IsReadAsItIsMeant()
    {
        const string Script = """
            import sys
            from junitparser import JUnitXml
            suite = JUnitXml.fromfile(sys.argv[1])
            for case in suite:
                kinds = '+'.join(type(r).__name__ for r in case.result) or 'Passed'
                print(case.classname, case.name.split()[0], kinds, '%.3f' % case.time, sep='|')
            print(suite.tests, suite.failures, suite.errors, suite.skipped, sep='|')
            """;
        _ = Tool.Require("/usr/lib/python3/dist-packages/junitparser/__init__.py");
        using SmallBundle bundle = new();
        string file = Path.Combine(folder, "junit.xml");
        File.WriteAllBytes(file, JUnit.Render(bundle.Report));
        (int exitCode, string output) = Tool.Run("/usr/bin/python3", "-c", Script, file);
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output.Split('\n', StringSplitOptions.RemoveEmptyEntries), Is.EqualTo((string[])
        [
            "vsockspec.credit|VSC-0101[split]|Passed|0.004",
            "vsockspec.credit|VSC-0101[packed]|Passed|0.004",
            "vsockspec.credit|VSC-0101[packed]|Failure|0.004",
            "vsockspec.credit|VSC-0102[packed+event_idx]|Failure|0.012",
            "vsockspec.credit|VSC-0102[packed]|Failure|0.012",
            "vsockspec.credit|VSC-0102[split]|Passed|0.012",
            "vsockspec.credit|VSC-0105|Skipped|0.012",
            "vsockspec.features|VSC-0103|Passed|0.004",
            "vsockspec.features|VSC-0104|Error|0.004",
            "vsockspec.probes|VSC-0901|Passed|0.000",
            "10|3|1|1",
        ]));
    }

    private static RunReport WithRealId(RunReport report) => report with { Run = report.Run with { Id = "01a21116-6598-7ae3-92da-c68d5c150326" } };

    private (int ExitCode, string Output) Validate(string schema, byte[] document)
    {
        _ = Tool.Schema("node_modules/ajv/package.json");
        string file = Path.Combine(folder, "document.json");
        File.WriteAllBytes(file, document);
        return Tool.Run(Node, Tool.Schema("validate.mjs"), schema, file);
    }

    private static List<string> ValidateBySurefire(byte[] document)
    {
        List<string> findings = [];
        XmlSchemaSet schemas = new();
        schemas.Add(null, Tool.Schema("surefire/surefire-test-report.xsd"));
        XmlReaderSettings settings = new() { ValidationType = ValidationType.Schema, Schemas = schemas, ValidationFlags = XmlSchemaValidationFlags.ReportValidationWarnings };
        settings.ValidationEventHandler += (_, e) => findings.Add(e.Message);
        using XmlReader reader = XmlReader.Create(new MemoryStream(document), settings);
        while (reader.Read())
        {
        }

        return findings;
    }

    private (int ExitCode, string Output) CheckSarif(byte[] document)
    {
        string file = Path.Combine(folder, "document.sarif");
        File.WriteAllBytes(file, document);
        return Tool.Run(
            Tool.Schema("node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"),
            "validate", file, "--rule-kind", "Sarif;Ghas", "--output", Path.Combine(folder, "checked.sarif"));
    }
}
