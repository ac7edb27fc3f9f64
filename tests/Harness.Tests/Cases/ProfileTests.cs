using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Harness.Tests.Targets;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Cases;

public sealed class ProfileTests
{
    private static readonly Catalogue Catalogue = Catalogue.Of(typeof(ProfileTests).Assembly);

    [Test]
    public void Find_EveryProfileOfTheSuite_Loads()
    {
        foreach (string name in Profile.Names(SuiteData.Folder))
        {
            Assert.That(Profile.Find(name, SuiteData.Folder).Name, Is.EqualTo(name));
        }
    }

    [Test]
    public void Find_UnknownProfile_OffersTheNearest() =>
        Assert.That(
            () => Profile.Find("seqpaket", SuiteData.Folder),
            Throws.TypeOf<DataFileException>().With.Message.Contains("unknown profile 'seqpaket' (did you mean 'seqpacket'?)"));

    [Test]
    public void Find_UnknownProfile_KnowsThoseOfTheIssue() =>
        Assert.That(
            Profile.Names(SuiteData.Folder),
            Is.SupersetOf([
                "core-stream", "device", "driver", "interop", "packed-ring", "seqpacket", "sockets", "vhost-kernel", "vhost-user", "virtio-1.1", "virtio-1.2", "virtio-1.3", "virtio-1.4",
            ]));

    [Test]
    public void Find_Interop_IsNeverPartOfACertificate()
    {
        Assert.That(Profile.Names(SuiteData.Folder).Where(name => !Profile.Find(name, SuiteData.Folder).Certifies), Is.EqualTo(["interop"]));
        Assert.That(Profile.Find("interop", SuiteData.Folder).ProbesOnly);
    }

    [TestCase("includes: [a, b]", "VSC-3001 VSC-3002[split] VSC-3002[packed] VSC-3003")]
    [TestCase("includes: [a, b]\nrole: driver", "")]
    [TestCase("includes: [a]\nrequirements: [B-05]", "VSC-3001 VSC-3003 VSC-3004")]
    [TestCase("includes: [c]", "VSC-3001 VSC-3003")]
    [TestCase("includes: [guest]", "VSC-3005")]
    [TestCase("role: device", "VSC-3001 VSC-3002[split] VSC-3002[packed] VSC-3003 VSC-3004 VSC-3006")]
    [TestCase("probes: only", "VSC-3004")]
    [TestCase("specification: \"1.0\"", "VSC-3002[split]")]
    [TestCase("specification: \"1.1\"", "VSC-3001 VSC-3002[split] VSC-3002[packed]")]
    [TestCase("specification: \"1.2\"", "VSC-3001 VSC-3002[split] VSC-3002[packed] VSC-3003")]
    [TestCase("specification: \"1.3\"\nincludes: [a]", "VSC-3001 VSC-3003")]
    [TestCase("specification: \"1.4\"", "VSC-3001 VSC-3002[split] VSC-3002[packed] VSC-3003")]
    public void Includes_LimitsListsAndOtherProfiles_AreCombined(string fields, string names)
    {
        using Suites suites = new("x", fields);
        Profile profile = Profile.Find("x", suites.Path);
        Assert.That(
            string.Join(' ', Catalogue.Runs.Where(r => r.Case.Id.StartsWith("VSC-30", StringComparison.Ordinal) && profile.Includes(r)).Select(r => r.FullName)),
            Is.EqualTo(names));
    }

    [TestCase("includes: [d]", ":3: field 'includes' has the unknown profile 'd'")]
    [TestCase("includes: [x]", ":3: field 'includes' goes in a circle: x includes x")]
    [TestCase("includes: [loop]", "loop.yaml:3: field 'includes' goes in a circle: x includes loop includes x")]
    [TestCase("includes: [a, a]", ":3: field 'includes' has 'a', which is included already")]
    [TestCase("includes: [c, a]", ":3: field 'includes' has 'a', which is included already")]
    [TestCase("includes: [old]", ":3: field 'includes' has 'old', which is about one version of the specification")]
    [TestCase("specification: \"2.0\"", ":3: field 'specification' is '2.0'; write a version of virtio: 1.0, 1.1, 1.2, 1.3, 1.4")]
    [TestCase("certifies: maybe", ":3: field 'certifies' is 'maybe'; write true or false")]
    [TestCase("probes: all", ":3: field 'probes' is 'all'; write only")]
    [TestCase("role: vmm", ":3: field 'role' is 'vmm'")]
    [TestCase("features: [sekpacket]", ":3: field 'features' has the unknown feature 'sekpacket' (did you mean 'seqpacket'?)")]
    public void Find_WrongProfile_NamesFileLineAndField(string fields, string message)
    {
        using Suites suites = new("x", fields);
        Assert.That(() => Profile.Find("x", suites.Path), Throws.TypeOf<DataFileException>().With.Message.Contains(message));
    }

    [TestCase(VirtioFeatures.EventIdx | VirtioFeatures.IndirectDesc | VirtioFeatures.Version1, "1.0")]
    [TestCase(VirtioFeatures.RingPacked, "1.1")]
    [TestCase(VirtioFeatures.RingPacked | VirtioFeatures.Seqpacket, "1.2")]
    [TestCase(VirtioFeatures.NoImpliedStream | VirtioFeatures.Stream, "1.3")]
    [TestCase(VirtioFeatures.Suspend, "1.4")]
    public void FirstWith_Features_IsTheVersionThatHasAll(VirtioFeatures features, string version) =>
        Assert.That(VirtioVersion.FirstWith(features).ToString(), Is.EqualTo(version));

    /// <summary>A suites folder with a profile to be read and some to include.</summary>
    private sealed class Suites : IDisposable
    {
        private readonly Scratch _scratch = new();

        public Suites(string name, string fields)
        {
            Directory.CreateDirectory(System.IO.Path.Combine(Path, "profiles"));
            Directory.CreateDirectory(System.IO.Path.Combine(Path, "requirements"));
            foreach (string file in Directory.EnumerateFiles(System.IO.Path.Combine(SuiteData.Folder, "requirements")))
            {
                File.Copy(file, System.IO.Path.Combine(Path, "requirements", System.IO.Path.GetFileName(file)));
            }

            Write("a", "requirements: [VS-X-24]");
            Write("b", "requirements: [VQ-16]");
            Write("c", "includes: [a]");
            Write("loop", "includes: [x]");
            Write("old", "specification: \"1.1\"");
            Write("guest", "areas: [guest samples]");
            Write(name, fields);
        }

        public string Path => _scratch.Path;

        public void Dispose() => _scratch.Dispose();

        private void Write(string name, string fields) => _scratch.Write($"profiles/{name}.yaml", $"name: {name}\ndescription: d\n{fields}\n");
    }
}

[Area("profile samples")]
public static class ProfileSampleCases
{
    [Case("VSC-3001", "VS-X-24", "B-01", Title = "Since 1.1")]
    public static void Rule_OfTheFirstVersion_IsJudged(CaseContext c) => ArgumentNullException.ThrowIfNull(c);

    [Case("VSC-3002", "VQ-16", "VU-01", Title = "Since 1.0, one variant since 1.1", Vary = Vary.Layouts)]
    public static void Rule_OfRings_IsJudged(CaseContext c) => ArgumentNullException.ThrowIfNull(c);

    [Case("VSC-3003", "VS-X-24", Title = "An old rule put with a new feature", Needs = VirtioFeatures.Seqpacket)]
    public static void Rule_WithSeqpacket_IsJudged(CaseContext c) => ArgumentNullException.ThrowIfNull(c);

    [Case("VSC-3004", "B-05", Title = "No rule", Probe = true)]
    public static void Situation_IsOpen_IsProbed(CaseContext c) => ArgumentNullException.ThrowIfNull(c);

    [Case("VSC-3006", "VU-01", Title = "No rule of virtio")]
    public static void Rule_OfVhostUser_IsJudged(CaseContext c) => ArgumentNullException.ThrowIfNull(c);
}

[Area("guest samples", NeedsGuest = true)]
public static class GuestSampleCases
{
    [Case("VSC-3005", "VS-X-24", Title = "In a guest")]
    public static void Rule_InAGuest_IsJudged(CaseContext c) => ArgumentNullException.ThrowIfNull(c);
}
