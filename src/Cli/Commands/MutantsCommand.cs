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
        Option<string?> publish = new("--publish") { Description = "Write who was caught into the published kill matrix, as each mutant is judged; those that it has already stay.", HelpName = "FILE" };
        Option<bool> missing = new("--missing") { Description = "Only mutants that the published matrix does not have as caught, or has as breaking another requirement." };
        Option<ulong> seed = new("--seed") { Description = "Seed of all cases.", DefaultValueFactory = _ => 1 };
        Option<int> jobs = new("--jobs") { Description = "Mutants judged at a time.", DefaultValueFactory = _ => Environment.ProcessorCount };
        Command command = new("mutants", "Run the suite against the reference device and the reference driver with one rule broken at a time: every mutant must be caught.")
        {
            target, output, only, own, exhaustive, cases, publish, missing, seed, jobs,
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

            Publication? publication = Publication.Of(parsed.GetValue(publish), relayed is null, parsed.GetValue(missing), runs);
            mutants = publication?.Left(mutants) ?? mutants;

            KillScope scope = parsed.GetValue(exhaustive) ? KillScope.Exhaustive : parsed.GetValue(own) || relayed is not null ? KillScope.Own : KillScope.Usual;
            KillMatrix matrix = new(runs, bench.Register, parsed.GetValue(seed), relayed is null ? null : RelayPatience);
            if (relayed is not null)
            {
                IReadOnlyList<string> useless = matrix.FailOn(RelayMutants.Honest(relayed), mutants.Select(m => m.Breaks), cancellation);
                bench.Out.WriteLine($"cases that fail on the target itself, and are left out: {(useless.Count == 0 ? "none" : string.Join(' ', useless))}");
                matrix = new KillMatrix([.. runs.Where(r => !useless.Contains(r.FullName))], bench.Register, parsed.GetValue(seed), RelayPatience);
            }

            MutantFate[] fates = Judge(bench, matrix, mutants, scope, Math.Max(1, parsed.GetValue(jobs)), publication, cancellation);
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

    private static MutantFate[] Judge(Workbench bench, KillMatrix matrix, IReadOnlyList<Suspect> mutants, KillScope scope, int jobs, Publication? publication, CancellationToken cancellation)
    {
        MutantFate[] fates = new MutantFate[mutants.Count];
        ParallelOptions options = new() { MaxDegreeOfParallelism = jobs, CancellationToken = cancellation };
        _ = Parallel.For(0, mutants.Count, options, i =>
        {
            fates[i] = matrix.Judge(mutants[i], scope, cancellation);
            string killers = fates[i].KilledBy.Count == 0 ? "nobody" : string.Join(' ', fates[i].KilledBy.Take(4)) + (fates[i].KilledBy.Count > 4 ? $" and {fates[i].KilledBy.Count - 4} more" : "");
            lock (bench)
            {
                publication?.Add(fates[i], mutants[i]);
                bench.Out.WriteLine($"{(fates[i].KilledByOwn ? "caught  " : "SURVIVES")}  {fates[i].Id,-44} {fates[i].Breaks,-14} {killers}");
            }
        });
        return fates;
    }
}

/// <summary>The published kill matrix while mutants are judged: what is known of them is on disk before the next is.</summary>
internal sealed class Publication
{
    private readonly string _file;
    private readonly bool _missingOnly;
    private readonly ILookup<string, string> _ownCases;
    private PublishedKillMatrix _matrix;

    private Publication(string file, bool missingOnly, IEnumerable<CaseRun> runs)
    {
        _file = Path.GetFullPath(file);
        _missingOnly = missingOnly;
        _ownCases = runs.SelectMany(r => r.Case.Requirements.Select(id => (id, r.FullName))).ToLookup(p => p.id, p => p.FullName, StringComparer.Ordinal);
        HashSet<string> known = [.. MutantCatalogue.All.Select(m => m.Id), .. DriverMutantCatalogue.All.Select(m => m.Id)];
        _matrix = (PublishedKillMatrix.Load(_file) ?? PublishedKillMatrix.Empty).Only(known);
    }

    /// <summary>Null when nothing is to be published.</summary>
    /// <param name="isOfReference">Mutants of other targets are published nowhere.</param>
    /// <exception cref="UsageException">Options that do not go together.</exception>
    /// <exception cref="DataFileException">The file is no kill matrix.</exception>
    public static Publication? Of(string? file, bool isOfReference, bool missingOnly, IEnumerable<CaseRun> runs) => (file, isOfReference) switch
    {
        (null, _) when missingOnly => throw new UsageException("--missing: needs the matrix from which they are missing; give --publish FILE"),
        (null, _) => null,
        (_, false) => throw new UsageException("--publish: the published matrix is that of the reference's mutants; leave out --target"),
        _ => new Publication(file, missingOnly, runs),
    };

    /// <summary>Those that are to be judged.</summary>
    public IReadOnlyList<Suspect> Left(IReadOnlyList<Suspect> mutants) =>
        _missingOnly ? [.. mutants.Where(m => _matrix.Find(m.Id) is not { KilledBy.Count: > 0 } known || known.Breaks != m.Breaks)] : mutants;

    public void Add(MutantFate fate, Suspect mutant)
    {
        string[] own = [.. fate.KilledBy.Where(_ownCases[fate.Breaks].Contains).Select(name => name.Split('[')[0]).Distinct().Order(StringComparer.Ordinal)];
        _matrix = _matrix.With(new PublishedMutant(fate.Id, mutant.Role, fate.Breaks, own));
        string temporary = _file + ".tmp";
        File.WriteAllBytes(temporary, _matrix.Render());
        File.Move(temporary, _file, overwrite: true);
    }
}

/// <summary><c>kill-matrix.json</c>.</summary>
internal sealed record KillMatrixDocument(IReadOnlyList<MutantFate> Mutants);
