using System.CommandLine;
using System.Text.Json;
using Vsockspec.Cases;
using Vsockspec.Conformance.Mutation;
using Vsockspec.Conformance.Mutation.Relay;
using Vsockspec.Reference.Driver.Mutants;
using Vsockspec.Reference.Mutants;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec mutants</c>: the kill matrix of the suite.</summary>
internal static class MutantsCommand
{
    /// <summary>Behind a relay and under emulation answers take longer than the reference device's.</summary>
    private static readonly TimeSpan RelayPatience = TimeSpan.FromSeconds(2);

    public static Command Create(Workbench bench)
    {
        Option<string?> output = new("--out") { Description = "Folder for kill-matrix.json.", HelpName = "DIR" };
        Option<string?> target = new("--target")
        {
            Description = "Not the reference device but this target, behind a relay that breaks one rule at a time.",
            HelpName = "T",
        };
        Option<string?> only = new("--mutant") { Description = "Only this mutant.", HelpName = "ID" };
        Option<bool> own = new("--own") { Description = "Only the cases of the requirement that a mutant breaks." };
        Option<bool> exhaustive = new("--exhaustive") { Description = "Every case against every mutant; names the cases that catch none." };
        Option<string[]> cases = new("--case") { Description = "Only cases that match, by id.", HelpName = "GLOB" };
        Option<ulong> seed = new("--seed") { Description = "Seed of all cases.", DefaultValueFactory = _ => 1 };
        Option<int> jobs = new("--jobs") { Description = "Mutants judged at a time.", DefaultValueFactory = _ => Environment.ProcessorCount };
        Command command = new("mutants", "Run the suite against the reference device and the reference driver with one rule broken at a time: every mutant must be caught.")
        {
            target, output, only, own, exhaustive, cases, seed, jobs,
        };
        command.SetAction((parsed, cancellation) =>
        {
            string? folder = parsed.GetValue(output) is { } path ? Directory.CreateDirectory(path).FullName : null;
            string[] globs = parsed.GetValue(cases) ?? [];
            IDeviceTarget? relayed = parsed.GetValue(target) is { } name ? BuiltInTargets.Find(name, bench.Suites).ToTarget() : null;
            IReadOnlyList<Suspect> mutants = Select(relayed is null ? [.. MutantCatalogue.All.Select(Suspect.Of), .. DriverMutantCatalogue.All.Select(Suspect.Of)] : RelayMutants.Of(relayed), parsed.GetValue(only));
            CaseRun[] runs = [.. bench.Catalogue.RunsOver(relayed?.Transport ?? "vhost-user").Concat(relayed is null ? bench.Catalogue.RunsOnDrivers : []).Where(r => globs.Length == 0 || globs.Any(g => Glob.Matches(g, r.Case.Id)))];
            if (runs.Length == 0)
            {
                throw new UsageException($"--case: no case matches {string.Join(", ", globs)}");
            }

            KillScope scope = parsed.GetValue(exhaustive) ? KillScope.Exhaustive : parsed.GetValue(own) || relayed is not null ? KillScope.Own : KillScope.Usual;
            KillMatrix matrix = new(runs, bench.Register, parsed.GetValue(seed), relayed is null ? null : RelayPatience);
            if (relayed is not null)
            {
                IReadOnlyList<string> useless = matrix.FailOn(RelayMutants.Honest(relayed), mutants.Select(m => m.Breaks), cancellation);
                bench.Out.WriteLine($"cases that fail on the target itself, and are left out: {(useless.Count == 0 ? "none" : string.Join(' ', useless))}");
                matrix = new KillMatrix([.. runs.Where(r => !useless.Contains(r.FullName))], bench.Register, parsed.GetValue(seed), RelayPatience);
            }

            MutantFate[] fates = Judge(bench, matrix, mutants, scope, Math.Max(1, parsed.GetValue(jobs)), cancellation);
            if (folder is not null)
            {
                File.WriteAllText(Path.Combine(folder, "kill-matrix.json"), JsonSerializer.Serialize(new KillMatrixDocument(fates), CliJson.Options));
            }

            MutantFate[] survivors = [.. fates.Where(f => !f.KilledByOwn)];
            if (scope == KillScope.Exhaustive)
            {
                HashSet<string> useful = [.. fates.SelectMany(f => f.KilledBy).Select(name => name.Split('[')[0])];
                string[] idle = [.. runs.Select(r => r.Case).Distinct().Where(c => !c.Attribute.Probe && !useful.Contains(c.Id)).Select(c => c.Id)];
                bench.Out.WriteLine($"cases that catch no mutant (probes apart): {(idle.Length == 0 ? "none" : string.Join(' ', idle))}");
            }

            bench.Out.WriteLine($"{fates.Length} mutants: {fates.Length - survivors.Length} caught by a case of the requirement they break, {survivors.Length} not");
            return Task.FromResult(survivors.Length == 0 ? ExitCodes.Passed : ExitCodes.Harness);
        });
        return command;
    }

    private static IReadOnlyList<Suspect> Select(IReadOnlyList<Suspect> mutants, string? id) => id is null
        ? mutants
        : [mutants.FirstOrDefault(m => m.Id == id) ?? throw new UsageException($"--mutant: there is no mutant '{id}'{Suggestion.For(id, mutants.Select(m => m.Id))}")];

    private static MutantFate[] Judge(Workbench bench, KillMatrix matrix, IReadOnlyList<Suspect> mutants, KillScope scope, int jobs, CancellationToken cancellation)
    {
        MutantFate[] fates = new MutantFate[mutants.Count];
        ParallelOptions options = new() { MaxDegreeOfParallelism = jobs, CancellationToken = cancellation };
        _ = Parallel.For(0, mutants.Count, options, i =>
        {
            fates[i] = matrix.Judge(mutants[i], scope, cancellation);
            string killers = fates[i].KilledBy.Count == 0 ? "nobody" : string.Join(' ', fates[i].KilledBy.Take(4)) + (fates[i].KilledBy.Count > 4 ? $" and {fates[i].KilledBy.Count - 4} more" : "");
            lock (bench)
            {
                bench.Out.WriteLine($"{(fates[i].KilledByOwn ? "caught  " : "SURVIVES")}  {fates[i].Id,-44} {fates[i].Breaks,-14} {killers}");
            }
        });
        return fates;
    }
}

/// <summary><c>kill-matrix.json</c>.</summary>
internal sealed record KillMatrixDocument(IReadOnlyList<MutantFate> Mutants);
