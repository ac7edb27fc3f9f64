using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Targets;

/// <summary>What the digest of a .NET program covers.</summary>
public sealed class DotNetProgramTests
{
    private static readonly string[] Code = ["app.dll", "library.dll", "native.so", "app.deps.json", "app.runtimeconfig.json", "runtimes/linux-x64/native/other.so"];
    private static readonly string[] NoCode = ["app.pdb", "settings.json", "cs/app.resources.xml", "app"];

    [TestCaseSource(nameof(Code))]
    public void Digest_PartOfTheProgramChanged_IsAnother(string part)
    {
        using Scratch scratch = Program();
        string? before = Digest(scratch);
        File.AppendAllText(Path.Combine(scratch.Path, part), "x");
        Assert.That(Digest(scratch), Has.Length.EqualTo(64).And.Not.EqualTo(before));
    }

    [Test]
    public void Digest_AssemblyAdded_IsAnother()
    {
        using Scratch scratch = Program();
        string? before = Digest(scratch);
        File.WriteAllText(Path.Combine(scratch.Path, "injected.dll"), "");
        Assert.That(Digest(scratch), Is.Not.EqualTo(before));
    }

    [TestCaseSource(nameof(NoCode))]
    public void Digest_SomethingElseChanged_IsTheSame(string file)
    {
        using Scratch scratch = Program();
        string? before = Digest(scratch);
        File.AppendAllText(Path.Combine(scratch.Path, file), "x");
        Assert.That(Digest(scratch), Is.EqualTo(before));
    }

    [Test]
    public void Digest_OfAHostBesideItsAssembly_CoversBoth()
    {
        using Scratch scratch = Program();
        string host = Path.Combine(scratch.Path, "app");
        string? before = Executable.Digest([host], null);
        File.AppendAllText(host, "x");
        string? after = Executable.Digest([host], null);
        File.AppendAllText(Path.Combine(scratch.Path, "library.dll"), "x");

        Assert.That(new[] { before, after, Executable.Digest([host], null) }, Is.Unique);
    }

    /// <summary>As docs/certificate.md says it can be had by hand.</summary>
    [Test]
    public void Digest_ByHand_IsTheSame()
    {
        const string Script = """
            cd "$1" && { find . -maxdepth 1 -type f; find ./runtimes -type f; } | sed 's|^\./||' | grep -E '\.dll$|\.so$|\.deps\.json$|\.runtimeconfig\.json$' \
            | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum
            """;
        using Scratch scratch = Program();
        ToolOutput output = ToolBox.Run("/bin/sh", ["-c", Script, "sh", scratch.Path], null, 4096, TimeSpan.FromSeconds(20), CancellationToken.None);
        Assert.That(output.Text, Is.EqualTo($"{Digest(scratch)}  -\n"), output.Errors);
    }

    [Test]
    public void Digest_OfAnyOtherProgram_IsThatOfTheFile()
    {
        using Scratch scratch = Program();
        string file = Path.Combine(scratch.Path, "settings.json");
        Assert.That(Executable.Digest([file, "app.dll"], null), Is.EqualTo(Executable.FileDigest(file)));
        Assert.That(Executable.Digest([Path.Combine(scratch.Path, "missing")], null), Is.Null);
    }

    [Test]
    public void Digest_AssemblyByARelativePath_IsLookedForInTheWorkingDirectory()
    {
        using Scratch scratch = Program();
        Assert.That(Executable.Digest(["/usr/bin/dotnet", "./app.dll"], scratch.Path), Is.EqualTo(Digest(scratch)));
        Assert.That(Executable.Digest(["/usr/bin/dotnet", "app.dll"], null), Is.Null);
    }

    private static string? Digest(Scratch scratch) => Executable.Digest(["/usr/bin/dotnet", "exec", Path.Combine(scratch.Path, "app.dll"), "other.dll"], null);

    private static Scratch Program()
    {
        Scratch scratch = new();
        foreach (string name in Code.Concat(NoCode))
        {
            string file = Path.Combine(scratch.Path, name);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, name);
        }

        return scratch;
    }
}
