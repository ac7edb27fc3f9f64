using System.Text.Json;
using NUnit.Framework;
using Vsockspec.Tests;

namespace Vsockspec.Cli.Tests;

public sealed class ListTests
{
    [Test]
    public void Cases_AsText_IsAsApproved()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("list", "cases"), Is.Zero);
        Snapshot.Match(terminal.Out, "list-cases.txt");
    }

    [Test]
    public void Requirements_CoverageAsJson_HasTheFieldsThatScriptsDependOn()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("list", "requirements", "--coverage", "--json"), Is.Zero);

        JsonElement[] rows = [.. JsonDocument.Parse(terminal.Out).RootElement.EnumerateArray()];
        JsonElement covered = rows.Single(r => r.GetProperty("id").GetString() == "VS-RXTX-DEV-2");
        JsonElement open = rows.Single(r => r.GetProperty("id").GetString() == "VS-CRED-DEV-1");
        JsonElement untestable = rows.Single(r => r.GetProperty("id").GetString() == "VS-X-01");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(rows, Has.Length.EqualTo(176));
            Assert.That(covered.GetProperty("level").GetString(), Is.EqualTo("MUST"));
            Assert.That(covered.GetProperty("role").GetString(), Is.EqualTo("device"));
            Assert.That(covered.GetProperty("status").GetString(), Is.EqualTo("tested"));
            Assert.That(covered.GetProperty("cases").EnumerateArray().Select(c => c.GetString()), Is.EqualTo(["VSC-0101"]));
            Assert.That(open.GetProperty("status").GetString(), Is.EqualTo("uncovered"));
            Assert.That(untestable.GetProperty("status").GetString(), Is.EqualTo("untestable"));
            Assert.That(untestable.GetProperty("reason").GetString(), Is.Not.Empty);
        }
    }

    [TestCase("cases")]
    [TestCase("targets")]
    [TestCase("profiles")]
    [TestCase("requirements")]
    [TestCase("regressions")]
    public void List_AsJson_IsAnArrayOfObjects(string what)
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("list", what, "--json"), Is.Zero);
        Assert.That(JsonDocument.Parse(terminal.Out).RootElement.EnumerateArray().Select(e => e.ValueKind), Is.Not.Empty.And.All.EqualTo(JsonValueKind.Object));
    }

    [Test]
    public void Regressions_AsJson_HaveTheirCases()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("list", "regressions", "--json"), Is.Zero);

        JsonElement row = JsonDocument.Parse(terminal.Out).RootElement.EnumerateArray().Single(r => r.GetProperty("id").GetString() == "KB-C4");
        Assert.That(row.GetProperty("cases").EnumerateArray().Select(c => c.GetString()), Is.EqualTo(["VSC-0101"]));
        Assert.That(row.GetProperty("fixes").GetArrayLength(), Is.EqualTo(2));
    }

    [Test]
    public void Doctor_EveryFindingThatIsNotOk_HasARemedy()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("doctor", "--json"), Is.Zero);
        foreach (JsonElement finding in JsonDocument.Parse(terminal.Out).RootElement.EnumerateArray())
        {
            Assert.That(finding.TryGetProperty("remedy", out _), Is.Not.EqualTo(finding.GetProperty("ok").GetBoolean()));
        }
    }
}
