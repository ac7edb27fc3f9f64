using System.CommandLine;
using System.Security.Cryptography;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec run</c>: judges a target.</summary>
internal static class RunCommand
{
    /// <summary>Names an adopted suite.</summary>
    public const string SuiteOption = "--suite";

    /// <summary>Names what is judged.</summary>
    public const string TargetOption = "--target";

    private const string LabOption = "--lab";

    public static Command Create(Workbench bench, RunSuite runSuite)
    {
        Option<string> target = new(TargetOption)
        {
            Description = "What is judged: a name of 'list targets' or the path of a manifest.",
            HelpName = "T",
            DefaultValueFactory = _ => BuiltInTargets.Default,
        };
        Option<string?> profile = new("--profile")
        {
            Description = "Which part of the suite: a name of 'list profiles'. [default: all for the target's role and transport]",
            HelpName = "P",
        };
        Option<string?> suite = new(SuiteOption)
        {
            Description = "Not our own cases but an adopted suite: linux-vsock-test, the kernel's own tests against a guest; linux-vsock-test:6.1 of another source. [default target: linux-vhost-vsock]",
            HelpName = "S",
        };
        Option<string[]> cases = new("--case")
        {
            Description = "Only cases whose id, full name or method name matches; may be given more than once.",
            HelpName = "GLOB",
            DefaultValueFactory = _ => [],
        };
        Option<ulong?> seed = new("--seed")
        {
            Description = "All randomness follows from it. [default: a new one]",
            HelpName = "N",
            CustomParser = CommonOptions.ParseSeed,
        };
        Option<int> repeat = CommonOptions.Number("--repeat", "Run the selection so many times.", 1, 1, 1_000_000);
        Option<int> jobs = CommonOptions.Number("--jobs", "Work in parallel, each worker on an instance of its own.", 1, 1, 256);
        Option<Shard?> shard = new("--shard")
        {
            Description = "Only the I-th of N equal parts of the selection.",
            HelpName = "I/N",
            CustomParser = result =>
            {
                Shard? parsed = Shard.Parse(result.Tokens[0].Value);
                if (parsed is null)
                {
                    result.AddError($"--shard {result.Tokens[0].Value}: write the part and the number of parts: 2/4");
                }

                return parsed;
            },
        };
        Option<string?> output = CommonOptions.Out("Folder of the bundle. [default: a new one under out/]");
        Option<string?> resume = new("--resume")
        {
            Description = "Go on with the bundle of a run that was interrupted; give the other options as they were.",
            HelpName = "DIR",
        };
        Option<bool> failFast = new("--fail-fast") { Description = "Stop at the first failure." };
        Option<bool> quick = new("--quick") { Description = "Leave out cases that take seconds by their nature." };
        Option<string> trace = new("--trace")
        {
            Description = "Which packet traces stay in the bundle.",
            HelpName = "all|failed|none",
            DefaultValueFactory = _ => "all",
        };
        trace.AcceptOnlyFromAmong("all", "failed", "none");
        Option<bool> shuffle = new("--shuffle") { Description = "Run in an order that follows from the seed." };
        Option<string?> lab = new(LabOption)
        {
            Description = "Do all of it in the lab, on this kernel: short for 'vsockspec lab --kernel K -- run ...'. [default kernel: debian:6.12]",
            HelpName = "K",
            Arity = ArgumentArity.ZeroOrOne,
        };
        GuestOptions guest = new();
        Option<string?> suites = CommonOptions.Suites();

        Command command = new("run", "Judge a target and write a bundle.")
        {
            target, profile, suite, cases, seed, repeat, jobs, shard, output, resume, failFast, quick, trace, shuffle, lab, suites,
        };
        foreach (Option option in guest.All)
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            if (parsed.GetResult(lab) is not null)
            {
                string kernel = parsed.GetValue(lab) ?? LabSettings.DefaultKernel;
                return new LabSession(bench, new LabSettings { Kernel = kernel }).Execute(WithoutLab(parsed));
            }

            Workbench here = bench.WithSuites(parsed.GetValue(suites));
            AdoptedSelection? adopted = AdoptedSelection.Of(parsed.GetValue(suite), guest.Name(parsed), parsed.GetValue(profile), parsed.GetValue(jobs));
            string targetName = AdoptedSelection.TargetOf(parsed);
            TargetManifest manifest = BuiltInTargets.Find(targetName, here.Suites);
            string? begun = parsed.GetValue(resume);
            ulong chosen = begun is null
                ? parsed.GetValue(seed) ?? BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8))
                : SeedOf(begun, parsed.GetValue(seed), here);
            if (begun is not null && parsed.GetValue(output) is not null)
            {
                throw new UsageException("--resume goes on in the folder that it names; leave out --out");
            }

            Selection selection = new()
            {
                Profile = adopted?.Profile ?? Profile.Find(parsed.GetValue(profile) ?? Profile.DefaultFor(manifest.Role, manifest.Transport), here.Suites),
                Transport = manifest.Transport,
                Role = manifest.Role,
                Cases = parsed.GetRequiredValue(cases),
                Quick = parsed.GetValue(quick),
                Shard = parsed.GetValue(shard),
                ShuffleSeed = parsed.GetValue(shuffle) ? chosen : null,
            };
            RunSettings settings = new()
            {
                Seed = chosen,
                Repeat = parsed.GetValue(repeat),
                Jobs = parsed.GetValue(jobs),
                FailFast = parsed.GetValue(failFast),
                Trace = Enum.Parse<TracePolicy>(parsed.GetRequiredValue(trace), ignoreCase: true),
                Out = parsed.GetValue(output),
                Resume = begun,
            };
            if (adopted is not null)
            {
                return new AdoptedSession(here, adopted).Execute(targetName, manifest, selection, settings);
            }

            RunSession session = new(here, runSuite, manifest.IsBuiltIn(here.Suites) ? targetName : manifest.File, manifest, guest.Source(parsed, manifest, here), selection.Profile.Name, selection.Shard)
            {
                Specification = selection.Profile.Specification,
                CasesOfAllShards = selection.Shard is null ? null : selection.OfAllShards([.. here.Catalogue.Runs]).Count,
            };
            return session.Execute(selection.From(here.Catalogue), settings);
        });
        return command;
    }

    /// <summary>The arguments as they were given, without the option that sends them to the lab.</summary>
    private static List<string> WithoutLab(ParseResult parsed)
    {
        List<string> words = [.. parsed.Tokens.Select(token => token.Value)];
        int at = words.IndexOf(LabOption);
        bool hasKernel = parsed.Tokens.Count > at + 1 && parsed.Tokens[at + 1].Type == System.CommandLine.Parsing.TokenType.Argument;
        words.RemoveRange(at, hasKernel ? 2 : 1);
        return words;
    }

    /// <summary>The seed of a run that goes on.</summary>
    /// <param name="given">By the user; null: none.</param>
    /// <exception cref="UsageException">The run has another one.</exception>
    internal static ulong SeedOf(string bundle, ulong? given, Workbench bench)
    {
        ulong seed = Bundle.Open(bundle, bench.Register).Run.Seed;
        return given is null || given == seed
            ? seed
            : throw new UsageException($"--seed {given}: the run in {bundle} has the seed {seed}; leave out --seed");
    }
}
