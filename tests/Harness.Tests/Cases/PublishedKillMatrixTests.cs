using System.Text;
using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Harness.Tests.Targets;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Cases;

public sealed class PublishedKillMatrixTests
{
    private static readonly PublishedMutant Caught = new("a-mutant", TargetRole.Device, "VS-X-24", ["VSC-0101", "VSC-0102"]);
    private static readonly PublishedMutant Missed = new("b-mutant", TargetRole.Driver, "VS-X-25", []);

    [Test]
    public void Load_WhatWasRendered_IsTheSame()
    {
        using Scratch scratch = new();
        PublishedKillMatrix matrix = PublishedKillMatrix.Empty.With(Missed).With(Caught);
        PublishedKillMatrix read = PublishedKillMatrix.Load(scratch.Write("m.json", Encoding.UTF8.GetString(matrix.Render())))!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(read.Mutants.Select(m => m.Id), Is.EqualTo(["a-mutant", "b-mutant"]));
            Assert.That(read.Find("a-mutant")!.KilledBy, Is.EqualTo(Caught.KilledBy));
            Assert.That(read.Killed, Is.EqualTo(1));
            Assert.That(read.Digest, Is.EqualTo(matrix.Digest).And.Length.EqualTo(64));
            Assert.That(read.With(Missed with { KilledBy = ["VSC-0103"] }).Killed, Is.EqualTo(2));
            Assert.That(read.Only(new HashSet<string> { "b-mutant" }).Mutants.Single().Role, Is.EqualTo(TargetRole.Driver));
        }
    }

    [Test]
    public void Load_NoFile_IsNone() => Assert.That(PublishedKillMatrix.Load("/nowhere/kill-matrix.json"), Is.Null);

    [TestCase("")]
    [TestCase("null")]
    [TestCase("[]")]
    [TestCase("{\"schema\":\"urn:vsockspec:kill-matrix:2\",\"mutants\":[]}")]
    [TestCase("{\"schema\":\"urn:vsockspec:kill-matrix:1\"}")]
    [TestCase("{\"schema\":\"urn:vsockspec:kill-matrix:1\",\"mutants\":[null]}")]
    [TestCase("{\"schema\":\"urn:vsockspec:kill-matrix:1\",\"mutants\":[{\"id\":1}]}")]
    [TestCase("{\"schema\":\"urn:vsockspec:kill-matrix:1\",\"mutants\":[{\"id\":\"a\",\"role\":\"vmm\",\"breaks\":\"b\",\"killedBy\":[]}]}")]
    public void Load_WrongFile_NamesIt(string json)
    {
        using Scratch scratch = new();
        string file = scratch.Write("m.json", json);
        Assert.That(() => PublishedKillMatrix.Load(file), Throws.TypeOf<DataFileException>().With.Message.StartsWith($"{file}: is no kill matrix: "));
    }
}
