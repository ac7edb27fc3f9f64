using System.Diagnostics;
using System.Reflection;
using System.Text.RegularExpressions;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Fitness;

/// <summary>How a machine is set up, as far as it bears on what is measured. None of it forbids a measurement; all of it is said beside one.</summary>
public static partial class StandingConditions
{
    private const string Cpus = "/sys/devices/system/cpu";
    private const string NotTold = "the kernel does not say";
    private const string OfTheHost = "in a virtual machine, look at its host";

    public static IReadOnlyList<Condition> Of(IMachine machine) => [Governor(machine), Turbo(machine), Siblings(machine), HugePages(machine), Mitigations(machine), .. Build()];

    /// <summary>The folders of the processors.</summary>
    internal static IEnumerable<string> Processors(IMachine machine) => machine.Names(Cpus).Where(name => Processor().IsMatch(name)).Select(name => $"{Cpus}/{name}");

    /// <summary>Our own half of every figure is then several times slower.</summary>
    private static IEnumerable<Condition> Build() => typeof(StandingConditions).Assembly.GetCustomAttribute<DebuggableAttribute>() is { IsJITOptimizerDisabled: true }
        ? [new Condition("build", ConditionGrade.Doubtful, "vsockspec itself was built for debugging", "build it with --configuration Release")]
        : [];

    private static Condition Governor(IMachine machine)
    {
        string[] governors = [.. Processors(machine).Select(cpu => machine.Read($"{cpu}/cpufreq/scaling_governor")?.Trim()).OfType<string>().Distinct().Order(StringComparer.Ordinal)];
        return governors switch
        {
            [] => new Condition("governor", ConditionGrade.Unknown, NotTold, OfTheHost),
            ["performance"] => new Condition("governor", ConditionGrade.Good, "performance", null),
            _ => new Condition("governor", ConditionGrade.Doubtful, string.Join(", ", governors), "cpupower frequency-set --governor performance"),
        };
    }

    private static Condition Turbo(IMachine machine)
    {
        (string file, string on)[] places = [($"{Cpus}/intel_pstate/no_turbo", "0"), ($"{Cpus}/cpufreq/boost", "1")];
        foreach ((string file, string on) in places)
        {
            if (machine.Read(file)?.Trim() is { Length: > 0 } said)
            {
                return said == on
                    ? new Condition("turbo", ConditionGrade.Doubtful, "on: clocks go with heat and with how many cores work", $"echo {(on == "0" ? "1" : "0")} > {file}")
                    : new Condition("turbo", ConditionGrade.Good, "off", null);
            }
        }

        return new Condition("turbo", ConditionGrade.Unknown, NotTold, OfTheHost);
    }

    private static Condition Siblings(IMachine machine) => machine.Read($"{Cpus}/smt/active")?.Trim() switch
    {
        "0" => new Condition("smt", ConditionGrade.Good, "no core is two processors", null),
        "1" => new Condition("smt", ConditionGrade.Doubtful, "two processors share a core: each is slower while the other works", $"echo off > {Cpus}/smt/control"),
        _ => new Condition("smt", ConditionGrade.Unknown, NotTold, OfTheHost),
    };

    private static Condition HugePages(IMachine machine)
    {
        const string File = "/sys/kernel/mm/transparent_hugepage/enabled";
        return Chosen().Match(machine.Read(File) ?? "") is { Success: true } choice
            ? choice.Groups[1].Value == "always"
                ? new Condition("huge-pages", ConditionGrade.Doubtful, "always: the kernel may put pages together at any time", $"echo madvise > {File}")
                : new Condition("huge-pages", ConditionGrade.Good, choice.Groups[1].Value, null)
            : new Condition("huge-pages", ConditionGrade.Unknown, NotTold, null);
    }

    /// <summary>They make system calls and switches dearer. What is right depends on where the target will run, so it is only said.</summary>
    private static Condition Mitigations(IMachine machine)
    {
        const string Folder = $"{Cpus}/vulnerabilities";
        Dictionary<string, string> said = [];
        foreach (string name in machine.Names(Folder))
        {
            said[name] = machine.Read($"{Folder}/{name}")?.Trim() ?? "";
        }

        string[] With(string word) => [.. said.Where(s => s.Value.StartsWith(word, StringComparison.Ordinal)).Select(s => s.Key)];
        string[] mitigated = With("Mitigation");
        string[] open = With("Vulnerable");
        return said.Count == 0
            ? new Condition("mitigations", ConditionGrade.Unknown, NotTold, null)
            : new Condition("mitigations", ConditionGrade.Good, $"{(mitigated.Length == 0 ? "none" : string.Join(", ", mitigated))}{(open.Length == 0 ? "" : $"; open: {string.Join(", ", open)}")}", null);
    }

    [GeneratedRegex("^cpu[0-9]+$")]
    private static partial Regex Processor();

    [GeneratedRegex(@"\[(\w+)\]")]
    private static partial Regex Chosen();
}
