using System.Text.RegularExpressions;
using NUnit.Framework;
using Vsockspec.Tests;

namespace Vsockspec.Conformance.Tests;

/// <summary>Reads the sources and checks what docs/glossary.md calls the rooms: who may use whom, and where what is allowed.</summary>
public sealed partial class LayeringTests
{
    /// <summary>Each room with the rooms it may use.</summary>
    private static readonly Dictionary<string, string[]> MayUse = new(StringComparer.Ordinal)
    {
        ["Interop"] = [],
        ["Wire"] = ["Interop"],
        ["Memory"] = ["Interop", "Wire"],
        ["Rings"] = ["Interop", "Wire", "Memory"],
        ["Transports"] = ["Interop", "Wire", "Memory", "Rings"],
        ["Audit"] = ["Wire", "Rings"],
        ["Peers"] = ["Interop", "Wire", "Memory", "Rings", "Transports"],
        ["Targets"] = ["Interop", "Wire", "Memory", "Rings", "Transports", "Peers"],
        ["Guests"] = ["Interop", "Wire", "Memory", "Rings", "Transports", "Peers", "Targets"],
        ["Agent"] = ["Guests"],
        ["Cases"] = ["Interop", "Wire", "Memory", "Rings", "Transports", "Peers", "Targets", "Audit", "Guests"],
        ["Results"] = ["Interop", "Wire", "Memory", "Rings", "Transports", "Peers", "Targets", "Audit", "Guests", "Cases"],
        ["Reference"] = ["Interop", "Wire", "Memory", "Rings", "Transports", "Guests"],
        ["Conformance"] = ["Interop", "Wire", "Memory", "Rings", "Transports", "Peers", "Targets", "Audit", "Guests", "Cases", "Results", "Reference"],
        ["Perf"] = ["Interop", "Wire", "Memory", "Rings", "Transports", "Peers", "Targets", "Audit", "Guests", "Cases", "Results", "Reference"],
        ["Cli"] = ["Interop", "Wire", "Memory", "Rings", "Transports", "Peers", "Targets", "Audit", "Guests", "Cases", "Results", "Reference", "Conformance", "Perf"],
    };

    private static readonly string[] UnsafeRooms = ["Memory", "Rings", "Interop"];

    private static readonly Source[] Sources = [.. ReadSources()];

    private sealed record Source(string Path, string Room, string[] Lines);

    [Test]
    public void Sources_AreFound() => Assert.That(Sources, Has.Length.GreaterThan(20));

    [Test]
    public void Namespace_OfEveryFile_IsItsRoom() =>
        Report(Sources.SelectMany(s => Find(s, NamespaceDeclaration())
            .Where(hit => !(hit.Value + ".").StartsWith($"Vsockspec.{s.Room}.", StringComparison.Ordinal))
            .Select(hit => $"{hit.Place}: namespace {hit.Value} in the room {s.Room}")));

    [Test]
    public void Room_UsesAnother_OnlyIfItMay() =>
        Report(Sources.SelectMany(s => Find(s, RoomReference())
            .Where(hit => hit.Value != s.Room && MayUse.ContainsKey(hit.Value) && !MayUse[s.Room].Contains(hit.Value))
            .Select(hit => $"{hit.Place}: {s.Room} must not use {hit.Value}")));

    /// <summary>The agent is small because it has nothing of the harness but the protocol, and the protocol uses nothing else.</summary>
    [Test]
    public void Agent_UsesOnly_TheProtocol() =>
        Report(Sources.Where(s => s.Room == "Agent" || s.Path.StartsWith("src/Harness/Guests/Protocol/", StringComparison.Ordinal))
            .SelectMany(s => Find(s, UsedNamespace())
                .Where(hit => hit.Value is not ("Guests.Protocol" or "Agent"))
                .Select(hit => $"{hit.Place}: Vsockspec.{hit.Value}")));

    /// <summary>The reference driver speaks the agent's protocol, which is bytes; launchers and guests are not its business.</summary>
    [Test]
    public void Reference_OfGuests_UsesOnlyTheProtocol() =>
        Report(Sources.Where(s => s.Room == "Reference")
            .SelectMany(s => Find(s, GuestsReference())
                .Where(hit => hit.Value != "Protocol")
                .Select(hit => $"{hit.Place}: Vsockspec.Guests.{hit.Value}")));

    [Test]
    public void Harness_KnowsNothing_OfTestFrameworksAndConsoles() =>
        Report(Sources.Where(s => s.Path.StartsWith("src/Harness/", StringComparison.Ordinal))
            .SelectMany(s => Find(s, ForeignFramework()).Select(hit => $"{hit.Place}: uses {hit.Value}")));

    [Test]
    public void Unsafe_IsUsed_OnlyWhereMemoryIsTouched() =>
        Report(Sources.Where(s => !UnsafeRooms.Contains(s.Room)).SelectMany(s => Find(s, UnsafeKeyword()).Select(hit => $"{hit.Place}: unsafe")));

    [Test]
    public void Sleeps_AreUsed_Nowhere() =>
        Report(Sources.Where(s => s.Room is not ("Perf" or "Cli")).SelectMany(s => Find(s, Sleep()).Select(hit => $"{hit.Place}: {hit.Value}")));

    private static void Report(IEnumerable<string> violations) => Assert.That(string.Join('\n', violations), Is.Empty);

    private static IEnumerable<(string Place, string Value)> Find(Source source, Regex pattern)
    {
        for (int i = 0; i < source.Lines.Length; i++)
        {
            foreach (Match match in pattern.Matches(source.Lines[i]))
            {
                yield return ($"{source.Path}:{i + 1}", match.Groups[1].Value);
            }
        }
    }

    private static IEnumerable<Source> ReadSources()
    {
        string root = Repository.PathOf("src");
        foreach (string file in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            string[] parts = Path.GetRelativePath(root, file).Split('/');
            if (parts[1] is "bin" or "obj")
            {
                continue;
            }

            string room = parts[0] == "Harness" ? parts[1] : parts[0];
            yield return new Source($"src/{string.Join('/', parts)}", room, [.. File.ReadLines(file).Select(WithoutTextAndComments)]);
        }
    }

    private static string WithoutTextAndComments(string line) => Comment().Replace(StringLiteral().Replace(line, "\"\""), "");

    [GeneratedRegex(@"""(?:[^""\\]|\\.)*""")]
    private static partial Regex StringLiteral();

    [GeneratedRegex("//.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"^namespace\s+([\w.]+)")]
    private static partial Regex NamespaceDeclaration();

    [GeneratedRegex(@"\bVsockspec\.([A-Z]\w*)")]
    private static partial Regex RoomReference();

    [GeneratedRegex(@"\bVsockspec\.Guests\b\.?(\w*)")]
    private static partial Regex GuestsReference();

    [GeneratedRegex(@"^using\s+(?:static\s+)?Vsockspec\.([\w.]+)")]
    private static partial Regex UsedNamespace();

    [GeneratedRegex(@"\b(NUnit|BenchmarkDotNet|Spectre|System\.CommandLine)\b")]
    private static partial Regex ForeignFramework();

    [GeneratedRegex(@"\b(unsafe)\b")]
    private static partial Regex UnsafeKeyword();

    [GeneratedRegex(@"\b(Thread\.Sleep|Task\.Delay)\b")]
    private static partial Regex Sleep();
}
