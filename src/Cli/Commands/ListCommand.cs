using System.CommandLine;
using System.Text.Json.Nodes;
using Vsockspec.Cases;
using Vsockspec.Cli.Output;
using Vsockspec.Conformance.Mutation;
using Vsockspec.Reference.Driver.Mutants;
using Vsockspec.Reference.Mutants;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec list</c>: what exists.</summary>
internal static class ListCommand
{
    public static Command Create(Workbench bench) => new("list", "Show what exists.")
    {
        Cases(bench),
        Requirements(bench),
        Targets(bench),
        Profiles(bench),
        Mutants(bench),
        Regressions(bench),
    };

    private static Command Cases(Workbench bench)
    {
        Option<bool> json = CommonOptions.Json();
        Command command = new("cases", "All cases of the suite.") { json };
        command.SetAction(parsed =>
        {
            IReadOnlyList<CaseInfo> cases = bench.Catalogue.Cases;
            if (parsed.GetValue(json))
            {
                Print(bench, cases.Select(c => new JsonObject
                {
                    ["id"] = c.Id,
                    ["title"] = c.Title,
                    ["area"] = c.Area,
                    ["role"] = c.Role.ToString().ToLowerInvariant(),
                    ["name"] = c.Name,
                    ["requirements"] = Strings(c.Requirements),
                    ["variants"] = Strings(c.Attribute.Vary == Vary.Nothing ? [] : c.Variants.Select(v => v.Name)),
                    ["isolation"] = c.Attribute.Isolation.ToString(),
                    ["probe"] = c.Attribute.Probe,
                    ["regressions"] = Strings(c.Attribute.Regressions),
                    ["slow"] = c.Attribute.Slow,
                }));
                return;
            }

            TextTable table = new("id", "role", "area", "variants", "requirements", "title");
            foreach (CaseInfo c in cases)
            {
                table.Add(c.Id, c.Role.ToString().ToLowerInvariant(), c.Area, c.Variants.Count.ToString(), string.Join(' ', c.Requirements), c.Title);
            }

            table.Print(bench.Out);
        });
        return command;
    }

    private static Command Requirements(Workbench bench)
    {
        Option<bool> json = CommonOptions.Json();
        Option<bool> coverage = new("--coverage") { Description = "Show which cases judge each requirement, and which have none." };
        Command command = new("requirements", "The register of requirements.") { coverage, json };
        command.SetAction(parsed =>
        {
            bool withCases = parsed.GetValue(coverage);
            ILookup<string, string> casesById = bench.Catalogue.Cases
                .SelectMany(c => c.Requirements.Select(id => (Requirement: id, Case: c.Id)))
                .ToLookup(p => p.Requirement, p => p.Case, StringComparer.Ordinal);
            if (parsed.GetValue(json))
            {
                Print(bench, bench.Register.Requirements.Select(r => Describe(r, casesById[r.Id], withCases)));
                return;
            }

            TextTable table = new("id", "level", "role", withCases ? "cases" : "status", "text");
            foreach (Requirement r in bench.Register.Requirements)
            {
                bool showCases = withCases && casesById[r.Id].Any();
                table.Add(
                    r.Id,
                    r.Keyword,
                    Role(r.Role),
                    showCases ? string.Join(' ', casesById[r.Id]) : Status(r, casesById[r.Id], withCases),
                    r.Reason is { } reason ? $"{r.Text} [{reason}]" : r.Text);
            }

            table.Print(bench.Out);
            if (withCases)
            {
                bench.Out.WriteLine(Coverage(bench, casesById));
            }
        });
        return command;
    }

    /// <summary>How many requirements have which status, and by how many cases they are judged.</summary>
    private static string Coverage(Workbench bench, ILookup<string, string> casesById)
    {
        IReadOnlyList<Requirement> all = bench.Register.Requirements;
        IEnumerable<string> counts = all.CountBy(r => Status(r, casesById[r.Id], withCases: true)).OrderByDescending(c => c.Value).Select(c => $"{c.Value} {c.Key}");
        int cases = bench.Catalogue.Cases.Count(c => c.Requirements.Any(id => bench.Register.Find(id) is not null));
        return $"{all.Count} requirements: {string.Join(", ", counts)}; judged by {cases} cases";
    }

    private static Command Targets(Workbench bench)
    {
        Option<bool> json = CommonOptions.Json();
        Command command = new("targets", "Targets that come with the product; any other is given by the path of its manifest.") { json };
        command.SetAction(parsed =>
        {
            IEnumerable<TargetManifest> targets = BuiltInTargets.Names(bench.Suites).Select(name => BuiltInTargets.Find(name, bench.Suites));
            if (parsed.GetValue(json))
            {
                Print(bench, targets.Select(t => new JsonObject
                {
                    ["name"] = t.Name,
                    ["role"] = t.Role.ToString().ToLowerInvariant(),
                    ["transport"] = t.Transport,
                    ["claims"] = Strings(t.Claims ?? []),
                    ["manifest"] = t.File,
                }));
                return;
            }

            TextTable table = new("name", "role", "transport", "claims");
            foreach (TargetManifest t in targets)
            {
                table.Add(t.Name, t.Role.ToString().ToLowerInvariant(), t.Transport, string.Join(' ', t.Claims ?? []));
            }

            table.Print(bench.Out);
        });
        return command;
    }

    private static Command Profiles(Workbench bench)
    {
        Option<bool> json = CommonOptions.Json();
        Command command = new("profiles", "Named parts of the suite.") { json };
        command.SetAction(parsed =>
        {
            (Profile Profile, int Cases)[] profiles =
            [
                .. Profile.Names(bench.Suites)
                    .Select(name => Profile.Find(name, bench.Suites))
                    .Select(p => (p, bench.Catalogue.Runs.Count(p.Includes))),
            ];
            if (parsed.GetValue(json))
            {
                Print(bench, profiles.Select(p => new JsonObject
                {
                    ["name"] = p.Profile.Name,
                    ["description"] = p.Profile.Description,
                    ["role"] = p.Profile.Role?.ToString().ToLowerInvariant(),
                    ["specification"] = p.Profile.Specification?.ToString(),
                    ["certifies"] = p.Profile.Certifies,
                    ["includes"] = Strings(p.Profile.Included.Select(i => i.Name)),
                    ["cases"] = p.Cases,
                }));
                return;
            }

            TextTable table = new("name", "cases", "includes", "description");
            foreach ((Profile profile, int cases) in profiles)
            {
                table.Add(profile.Name, cases.ToString(), string.Join(' ', profile.Included.Select(i => i.Name)), profile.Description);
            }

            table.Print(bench.Out);
        });
        return command;
    }

    private static Command Mutants(Workbench bench)
    {
        Option<bool> json = CommonOptions.Json();
        Command command = new("mutants", "The reference device and the reference driver with one rule broken at a time.") { json };
        command.SetAction(parsed =>
        {
            Suspect[] mutants = [.. MutantCatalogue.All.Select(Suspect.Of), .. DriverMutantCatalogue.All.Select(Suspect.Of)];
            if (parsed.GetValue(json))
            {
                Print(bench, mutants.Select(m => new JsonObject
                {
                    ["id"] = m.Id,
                    ["role"] = m.Role.ToString().ToLowerInvariant(),
                    ["breaks"] = m.Breaks,
                    ["summary"] = m.Summary,
                }));
                return;
            }

            TextTable table = new("id", "breaks", "what it does wrong");
            foreach (Suspect mutant in mutants)
            {
                table.Add(mutant.Id, mutant.Breaks, mutant.Summary);
            }

            table.Print(bench.Out);
        });
        return command;
    }

    private static Command Regressions(Workbench bench)
    {
        Option<bool> json = CommonOptions.Json();
        Command command = new("regressions", "Bugs from the field, and the cases that would have caught them.") { json };
        command.SetAction(parsed =>
        {
            IReadOnlyList<Regression> regressions = bench.Regressions.Regressions;
            if (parsed.GetValue(json))
            {
                Print(bench, regressions.Select(r => Describe(bench, r)));
                return;
            }

            TextTable table = new("id", "component", "cases", "title");
            foreach (Regression r in regressions)
            {
                table.Add(r.Id, string.Join(' ', r.Components), r.NotTriggerable is null ? string.Join(' ', CasesOf(bench, r)) : "none can", r.Title);
            }

            table.Print(bench.Out);
        });
        return command;
    }

    private static IEnumerable<string> CasesOf(Workbench bench, Regression regression) =>
        RegressionRegister.CasesOf(regression, bench.Catalogue).Select(c => c.Id);

    private static JsonObject Describe(Workbench bench, Regression r)
    {
        JsonObject row = new()
        {
            ["id"] = r.Id,
            ["components"] = Strings(r.Components),
            ["title"] = r.Title,
            ["symptom"] = r.Symptom,
            ["kinds"] = Strings(r.Kinds),
            ["fixes"] = Strings(r.Fixes),
            ["reports"] = Strings(r.Reports),
            ["cases"] = Strings(CasesOf(bench, r)),
        };
        if (r.NotTriggerable is { } reason)
        {
            row["notTriggerable"] = reason;
        }

        return row;
    }

    private static JsonObject Describe(Requirement r, IEnumerable<string> cases, bool withCases)
    {
        JsonObject row = new()
        {
            ["id"] = r.Id,
            ["level"] = r.Keyword,
            ["role"] = Role(r.Role),
            ["status"] = Status(r, cases, withCases),
        };
        if (r.Reason is not null)
        {
            row[r.Status == RequirementStatus.DuplicateOf ? "duplicateOf" : "reason"] = r.Reason;
        }

        row["since"] = r.Since;
        if (r.NormativeSince is { } rule)
        {
            row["normativeSince"] = rule.ToString();
        }

        if (r.Until is { } last)
        {
            row["until"] = last.ToString();
        }

        row["clause"] = r.Clause;
        row["text"] = r.Text;
        if (withCases)
        {
            row["cases"] = Strings(cases);
        }

        return row;
    }

    /// <summary>As the register says; with coverage, <c>uncovered</c> for a requirement that ought to be tested and has no case.</summary>
    private static string Status(Requirement r, IEnumerable<string> cases, bool withCases) => r.Status switch
    {
        RequirementStatus.Tested => withCases && !cases.Any() ? "uncovered" : "tested",
        RequirementStatus.Untestable => "untestable",
        RequirementStatus.OutOfScope => "out-of-scope",
        _ => "duplicate-of",
    };

    private static string Role(RequirementRole role) => role switch
    {
        RequirementRole.BackEnd => "back-end",
        RequirementRole.VhostKernel => "vhost-vsock",
        _ => role.ToString().ToLowerInvariant(),
    };

    private static JsonArray Strings(IEnumerable<string> texts) => [.. texts.Select(t => JsonValue.Create(t))];

    private static void Print(Workbench bench, IEnumerable<JsonObject> rows) =>
        bench.Out.WriteLine(new JsonArray([.. rows]).ToJsonString(CliJson.Options));
}
