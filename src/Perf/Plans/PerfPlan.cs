using System.Globalization;
using System.Security.Cryptography;
using Vsockspec.Perf.Workloads;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Plans;

/// <summary>What is measured and how often, from <c>suites/perf/NAME.yaml</c> or a file of the user's.</summary>
/// <param name="Digest">SHA-256 of the file.</param>
/// <param name="Repeats">Values of each figure.</param>
/// <param name="SecondsPerTransfer">About how long one repeat takes.</param>
/// <param name="Workloads">In the order of measuring, each once.</param>
public sealed record PerfPlan(string Name, string Description, string Digest, int Repeats, double SecondsPerTransfer, IReadOnlyList<IWorkload> Workloads)
{
    /// <summary>The plan that is taken when none is named.</summary>
    public const string Default = "smoke";

    private const int MostWorkloads = 2000;
    private const string Extension = ".yaml";

    /// <summary>Something of it is measured from a guest.</summary>
    public bool UsesGuest => Workloads.Any(w => w.IsFromGuest);

    /// <summary>The plans of the suite, in order.</summary>
    /// <param name="suites">The suites folder.</param>
    public static IReadOnlyList<string> Names(string suites) =>
        [.. Directory.EnumerateFiles(Path.Combine(suites, "perf"), "*" + Extension).Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    /// <summary>A plan of the suite by name, or the file at a path.</summary>
    /// <exception cref="DataFileException">Neither; or the file is wrong, and the message names line, field and remedy.</exception>
    public static PerfPlan Find(string nameOrPath, string suites)
    {
        IReadOnlyList<string> names = Names(suites);
        if (names.Contains(nameOrPath))
        {
            return Load(Path.Combine(suites, "perf", nameOrPath + Extension));
        }

        return nameOrPath.Contains('/') || nameOrPath.Contains('.')
            ? Load(nameOrPath)
            : throw new DataFileException($"unknown plan '{nameOrPath}'{Suggestion.For(nameOrPath, names)}; known are: {string.Join(", ", names)}, or give the path of a file");
    }

    /// <exception cref="DataFileException">The file is no plan.</exception>
    public static PerfPlan Load(string file)
    {
        YamlMap map = YamlMap.Load(file);
        map.AllowOnly("name", "description", "repeats", "seconds-per-transfer", "workloads");
        return new PerfPlan(
            map.Text("name"),
            map.Text("description"),
            Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))),
            (int)(map.OptionalNumber("repeats", 1, 1000) ?? 5),
            ReadSeconds(map),
            ReadWorkloads(map));
    }

    private static double ReadSeconds(YamlMap map)
    {
        const string Field = "seconds-per-transfer";
        string text = map.OptionalText(Field) ?? "0.15";
        return double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) && seconds is >= 0.01 and <= 60
            ? seconds
            : throw map.Error(Field, $"is '{text}'; write seconds from 0.01 to 60");
    }

    private static List<IWorkload> ReadWorkloads(YamlMap map)
    {
        IReadOnlyList<YamlMap> entries = map.Maps("workloads");
        if (entries.Count == 0)
        {
            throw map.Error("workloads", "is empty; name what to measure");
        }

        List<IWorkload> workloads = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (YamlMap entry in entries)
        {
            foreach (IWorkload workload in KindOf(entry).Read(entry))
            {
                if (!names.Add(workload.Name))
                {
                    throw entry.Error("workload", $"brings {workload.Name}, which the plan has already; measure each once");
                }

                if (names.Count > MostWorkloads)
                {
                    throw entry.Error("workload", $"multiplies out to more than {MostWorkloads} in all; shorten its lists");
                }

                workloads.Add(workload);
            }
        }

        return workloads;
    }

    private static WorkloadKind KindOf(YamlMap entry)
    {
        string name = entry.Text("workload");
        string[] known = [.. WorkloadKind.All.Select(kind => kind.Name)];
        return WorkloadKind.All.FirstOrDefault(kind => kind.Name == name)
            ?? throw entry.Error("workload", $"is '{name}'{Suggestion.For(name, known)}; known are: {string.Join(", ", known)}");
    }
}
