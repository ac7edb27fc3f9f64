using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>
/// A named selection of cases, from <c>suites/profiles/NAME.yaml</c>. Role and specification limit it as a whole. Within these it has what the profiles have that it
/// includes, and each case that all of its own lists take; a profile with neither has everything.
/// </summary>
public sealed record Profile
{
    public required string Name { get; init; }

    /// <summary>One sentence.</summary>
    public required string Description { get; init; }

    /// <summary>The side that its cases judge; null: both.</summary>
    public TargetRole? Role { get; init; }

    /// <summary>
    /// The version of virtio that targets are held to: a case belongs when all rules of virtio that it judges are in that version, and the features that it uses too;
    /// what the auditor finds against later rules is left out. Null: all versions.
    /// </summary>
    public VirtioVersion? Specification { get; init; }

    /// <summary>False for a profile that says nothing of conformance: no certificate rests on it.</summary>
    public bool Certifies { get; init; } = true;

    /// <summary>Profiles whose cases belong to this one too.</summary>
    public IReadOnlyList<Profile> Included { get; init; } = [];

    /// <summary>Globs over requirement ids: one of the case's requirements matches one of them.</summary>
    public IReadOnlyList<string> Requirements { get; init; } = [];

    /// <summary>Globs over area names.</summary>
    public IReadOnlyList<string> Areas { get; init; } = [];

    /// <summary>Names of <see cref="FeatureNames"/>: the case needs one of them, or the variant uses one.</summary>
    public IReadOnlyList<string> Features { get; init; } = [];

    /// <summary>Only cases that record behaviour and fail nobody.</summary>
    public bool ProbesOnly { get; init; }

    /// <summary>Tells what a case's requirements are, for <see cref="Specification"/>.</summary>
    internal Lazy<RequirementRegister>? Register { get; init; }

    private bool HasLists => Requirements.Count + Areas.Count + Features.Count > 0 || ProbesOnly;

    /// <summary>Everything that a driver, or a device behind a transport, can be asked.</summary>
    public static string DefaultFor(TargetRole role, string transport) => role == TargetRole.Driver ? "driver" : "device-" + transport;

    public bool Includes(CaseRun run) =>
        (Role is null || Role == run.Case.Role)
        && (Specification is not { } version || IsIn(version, run))
        && (((HasLists || Included.Count == 0) && Takes(run)) || Included.Any(p => p.Includes(run)));

    public static IReadOnlyList<string> Names(string suites) =>
        [.. Directory.EnumerateFiles(Path.Combine(suites, "profiles"), "*.yaml").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    /// <summary>SHA-256 over names and contents of all profiles, hex.</summary>
    public static string HashOf(string suites) => DataFilesHash.Of(Path.Combine(suites, "profiles"));

    /// <exception cref="DataFileException">No such profile, or its file or that of one that it includes is wrong.</exception>
    public static Profile Find(string name, string suites)
    {
        IReadOnlyList<string> names = Names(suites);
        return names.Contains(name)
            ? new Reader(suites).Read(name, [])
            : throw new DataFileException($"unknown profile '{name}'{Suggestion.For(name, names)}; known are: {string.Join(", ", names)}");
    }

    /// <summary>Cases that need a guest belong to a profile that names their area.</summary>
    private bool Takes(CaseRun run) =>
        (!run.Case.NeedsGuest || Areas.Count > 0)
        && (!ProbesOnly || run.Case.Attribute.Probe)
        && (Requirements.Count == 0 || Requirements.Any(glob => run.Case.Requirements.Any(id => Glob.Matches(glob, id))))
        && (Areas.Count == 0 || Areas.Any(glob => Glob.Matches(glob, run.Case.Area)))
        && (Features.Count == 0 || Features.Any(name => FeatureNames.TryParse(name, out VirtioFeatures bit) && (bit & FeaturesOf(run)) != 0));

    private bool IsIn(VirtioVersion version, CaseRun run)
    {
        Requirement[] rules = [.. run.Case.Requirements.Select(id => Register?.Value.Find(id)).OfType<Requirement>().Where(r => r.SinceVirtio is not null)];
        return rules.Length > 0 && rules.All(rule => rule.AppliesIn(version)) && VirtioVersion.FirstWith(FeaturesOf(run)) <= version;
    }

    private static VirtioFeatures FeaturesOf(CaseRun run) => run.Case.Attribute.Needs | run.Variant.Features;

    /// <summary>Reads a profile and those that it includes, each file once at most.</summary>
    private sealed class Reader(string suites)
    {
        private readonly IReadOnlyList<string> _names = Names(suites);
        private readonly Lazy<RequirementRegister> _register = new(() => RequirementRegister.Load(Path.Combine(suites, "requirements")));
        private readonly HashSet<string> _taken = new(StringComparer.Ordinal);

        /// <param name="outer">The profiles that are being read, outermost first: each includes the next, the last includes this one.</param>
        public Profile Read(string name, IReadOnlyList<string> outer)
        {
            YamlMap map = YamlMap.Load(Path.Combine(suites, "profiles", name + ".yaml"));
            map.AllowOnly("name", "description", "role", "specification", "certifies", "includes", "requirements", "areas", "features", "probes");
            if (map.Text("name") is var told && told != name)
            {
                throw map.Error("name", $"is '{told}', but the file is called {Path.GetFileName(map.File)}; make them the same");
            }

            return new Profile
            {
                Name = name,
                Description = map.Text("description"),
                Role = map.OptionalText("role") switch
                {
                    null => null,
                    "device" => TargetRole.Device,
                    "driver" => TargetRole.Driver,
                    string other => throw map.Error("role", $"is '{other}'; write device or driver, or leave the field out for both"),
                },
                Specification = ReadSpecification(map),
                Certifies = map.OptionalFlag("certifies") ?? true,
                Included = ReadIncluded(map, [.. outer, name]),
                Requirements = map.OptionalTexts("requirements") ?? [],
                Areas = map.OptionalTexts("areas") ?? [],
                Features = ReadFeatures(map),
                ProbesOnly = map.OptionalText("probes") switch
                {
                    null => false,
                    "only" => true,
                    string other => throw map.Error("probes", $"is '{other}'; write only, or leave the field out"),
                },
                Register = _register,
            };
        }

        private static IReadOnlyList<string> ReadFeatures(YamlMap map)
        {
            IReadOnlyList<string> features = map.OptionalTexts("features") ?? [];
            return features.FirstOrDefault(feature => !FeatureNames.TryParse(feature, out _)) is { } unknown
                ? throw map.Error("features", $"has the unknown feature '{unknown}'{Suggestion.For(unknown, FeatureNames.All)}")
                : features;
        }

        private static VirtioVersion? ReadSpecification(YamlMap map) => map.OptionalText("specification") is not { } text
            ? null
            : VirtioVersion.TryParse(text, out VirtioVersion version)
                ? version
                : throw map.Error("specification", $"is '{text}'; write a version of virtio: {VirtioVersion.Known}");

        private List<Profile> ReadIncluded(YamlMap map, IReadOnlyList<string> chain)
        {
            List<Profile> included = [];
            foreach (string name in map.OptionalTexts("includes") ?? [])
            {
                if (!_names.Contains(name))
                {
                    throw map.Error("includes", $"has the unknown profile '{name}'{Suggestion.For(name, _names)}; known are: {string.Join(", ", _names)}");
                }

                if (chain.Contains(name))
                {
                    throw map.Error("includes", $"goes in a circle: {string.Join(" includes ", [.. chain.SkipWhile(n => n != name), name])}");
                }

                if (!_taken.Add(name))
                {
                    throw map.Error("includes", $"has '{name}', which is included already; name it once");
                }

                Profile profile = Read(name, chain);
                if (profile.Specification is not null)
                {
                    throw map.Error("includes", $"has '{name}', which is about one version of the specification; such a profile stands alone");
                }

                included.Add(profile);
            }

            return included;
        }
    }
}
