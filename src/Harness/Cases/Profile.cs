using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>A named selection of cases, from <c>suites/profiles/NAME.yaml</c>. A case belongs to it when every list that is not empty takes it.</summary>
public sealed record Profile
{
    public required string Name { get; init; }

    /// <summary>One sentence.</summary>
    public required string Description { get; init; }

    /// <summary>The side that its cases judge; null: both.</summary>
    public TargetRole? Role { get; init; }

    /// <summary>Globs over requirement ids: one of the case's requirements matches one of them.</summary>
    public IReadOnlyList<string> Requirements { get; init; } = [];

    /// <summary>Globs over area names.</summary>
    public IReadOnlyList<string> Areas { get; init; } = [];

    /// <summary>Names of <see cref="FeatureNames"/>: the case needs one of them, or the variant uses one.</summary>
    public IReadOnlyList<string> Features { get; init; } = [];

    /// <summary>Everything that a driver, or a device behind a transport, can be asked.</summary>
    public static string DefaultFor(TargetRole role, string transport) => role == TargetRole.Driver ? "driver" : "device-" + transport;

    /// <summary>Cases that need a guest belong to a profile that names their area.</summary>
    public bool Includes(CaseRun run) =>
        (!run.Case.NeedsGuest || Areas.Count > 0)
        && (Role is null || Role == run.Case.Role)
        && (Requirements.Count == 0 || Requirements.Any(glob => run.Case.Requirements.Any(id => Glob.Matches(glob, id))))
        && (Areas.Count == 0 || Areas.Any(glob => Glob.Matches(glob, run.Case.Area)))
        && (Features.Count == 0 || Features.Any(name => FeatureNames.TryParse(name, out VirtioFeatures bit) && (bit & FeaturesOf(run)) != 0));

    public static IReadOnlyList<string> Names(string suites) =>
        [.. Directory.EnumerateFiles(Path.Combine(suites, "profiles"), "*.yaml").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    /// <exception cref="DataFileException">No such profile, or its file is wrong.</exception>
    public static Profile Find(string name, string suites)
    {
        IReadOnlyList<string> names = Names(suites);
        return names.Contains(name)
            ? Read(YamlMap.Load(Path.Combine(suites, "profiles", name + ".yaml")))
            : throw new DataFileException($"unknown profile '{name}'{Suggestion.For(name, names)}; known are: {string.Join(", ", names)}");
    }

    private static VirtioFeatures FeaturesOf(CaseRun run) => run.Case.Attribute.Needs | run.Variant.Features;

    private static Profile Read(YamlMap map)
    {
        map.AllowOnly("name", "description", "role", "requirements", "areas", "features");
        string name = map.Text("name");
        if (name != Path.GetFileNameWithoutExtension(map.File))
        {
            throw map.Error("name", $"is '{name}', but the file is called {Path.GetFileName(map.File)}; make them the same");
        }

        IReadOnlyList<string> features = map.OptionalTexts("features") ?? [];
        foreach (string feature in features)
        {
            if (!FeatureNames.TryParse(feature, out _))
            {
                throw map.Error("features", $"has the unknown feature '{feature}'{Suggestion.For(feature, FeatureNames.All)}");
            }
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
            Requirements = map.OptionalTexts("requirements") ?? [],
            Areas = map.OptionalTexts("areas") ?? [],
            Features = features,
        };
    }
}
