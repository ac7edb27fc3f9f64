using Vsockspec.Cases;

namespace Vsockspec.Results;

/// <summary>Derives the parts of a report that follow from the case results.</summary>
public static class ReportBuilder
{
    public static RunReport Build(
        SuiteInfo suite,
        TargetInfo target,
        EnvironmentInfo environment,
        RunInfo run,
        IReadOnlyList<GuestRecord> guests,
        IReadOnlyList<CaseResult> cases,
        RequirementRegister register)
    {
        AuditorEntry[] auditor =
        [
            .. from result in cases
               from finding in result.Findings
               select new AuditorEntry(finding.Requirement, result.FullName, result.Repetition, finding.Packet, finding.Detail),
        ];
        RequirementVerdict[] requirements = JudgeRequirements(cases, auditor, register);
        return new RunReport
        {
            Schema = RunReport.SchemaId,
            Suite = suite,
            Target = target,
            Environment = environment,
            Run = run,
            Guests = guests,
            Cases = cases,
            Auditor = auditor,
            Requirements = requirements,
            ImplementationProfile = Profile(cases, register),
            Summary = Summarise(cases, requirements),
        };
    }

    private static RequirementVerdict[] JudgeRequirements(IReadOnlyList<CaseResult> cases, AuditorEntry[] auditor, RequirementRegister register)
    {
        SortedDictionary<string, (Verdict Verdict, SortedSet<string> Cases)> byId = new(StringComparer.Ordinal);
        foreach (CaseResult result in cases)
        {
            foreach (string id in result.Requirements)
            {
                Count(id, result.Verdict, result.FullName);
            }
        }

        foreach (AuditorEntry entry in auditor)
        {
            bool mandatory = register.Find(entry.Requirement) is not { Level: RequirementLevel.Should or RequirementLevel.May };
            Count(entry.Requirement, mandatory ? Verdict.Fail : Verdict.NonStrict, entry.Case);
        }

        return [.. byId.Select(p => new RequirementVerdict(p.Key, register.LevelOf(p.Key), p.Value.Verdict, [.. p.Value.Cases]))];

        void Count(string id, Verdict verdict, string name)
        {
            // Open situations are no requirements; they make up the implementation profile.
            if (register.Find(id) is null)
            {
                return;
            }

            if (!byId.TryGetValue(id, out (Verdict Verdict, SortedSet<string> Cases) seen))
            {
                seen = (verdict, new SortedSet<string>(StringComparer.Ordinal));
            }

            seen.Cases.Add(name);
            byId[id] = (Verdicts.Worst(seen.Verdict, verdict), seen.Cases);
        }
    }

    private static RecordedBehaviour[] Profile(IReadOnlyList<CaseResult> cases, RequirementRegister register) =>
    [
        .. from result in cases
           from entry in result.Recorded
           group result by (result.Id, entry.Key, entry.Value) into seen
           orderby seen.Key.Id, seen.Key.Key, seen.Key.Value
           select new RecordedBehaviour(
               seen.Key.Id,
               [.. seen.First().Requirements.Where(id => register.FindSituation(id) is not null)],
               seen.Key.Key,
               seen.Key.Value,
               [.. seen.Select(r => r.Variant).Where(v => v.Length > 0).Distinct().Order(StringComparer.Ordinal)]),
    ];

    private static Summary Summarise(IReadOnlyList<CaseResult> cases, RequirementVerdict[] requirements)
    {
        SortedDictionary<RequirementLevel, IReadOnlyDictionary<Verdict, int>> byLevel = [];
        foreach (IGrouping<RequirementLevel, RequirementVerdict> level in requirements.GroupBy(r => r.Level))
        {
            byLevel[level.Key] = CountVerdicts(level.Select(r => r.Verdict));
        }

        return new Summary(cases.Count, CountVerdicts(cases.Select(c => c.Verdict)), byLevel);
    }

    private static SortedDictionary<Verdict, int> CountVerdicts(IEnumerable<Verdict> verdicts)
    {
        SortedDictionary<Verdict, int> counts = [];
        foreach (Verdict verdict in verdicts)
        {
            counts[verdict] = counts.GetValueOrDefault(verdict) + 1;
        }

        return counts;
    }
}
