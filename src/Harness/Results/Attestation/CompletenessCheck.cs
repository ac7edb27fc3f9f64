using Vsockspec.Audit;
using Vsockspec.Cases;
using Vsockspec.Targets;

namespace Vsockspec.Results.Attestation;

/// <summary>Whether a bundle has every case that its certificate asks, as often as it says, and each with what the suite knows of it.</summary>
internal static class CompletenessCheck
{
    /// <summary>The cases that the certificate asks; null where that cannot be known.</summary>
    /// <param name="findProfile">Throws <see cref="DataFileException"/> for a name that no profile has.</param>
    public static IReadOnlyList<CaseRun>? Asked(RunReport report, Certificate certificate, Catalogue catalogue, RequirementRegister register, Func<string, Profile> findProfile, Refusals refusals)
    {
        TargetRole? role = report.Target.Role switch { "device" => TargetRole.Device, "driver" => TargetRole.Driver, _ => null };
        if (role is null || !TargetManifest.Transports.Contains(report.Target.Transport))
        {
            refusals.Add("results-malformed", $"{Bundle.ResultsFile}: the target is a '{report.Target.Role}' over '{report.Target.Transport}', and nothing is known of such");
            return null;
        }

        List<Profile> profiles = [];
        foreach (string name in certificate.Profiles)
        {
            try
            {
                Profile profile = findProfile(name);
                profiles.Add(profile.Certifies ? profile : throw new DataFileException($"the profile '{name}' is never part of a certificate"));
            }
            catch (DataFileException e)
            {
                refusals.Add("unknown-profile", e.Message);
                return null;
            }
        }

        IReadOnlyList<CaseRun> asked = CertificateScope.Asked(profiles, role.Value, report.Target.Transport, catalogue);
        if (!asked.Any(run => CertificateScope.Counts(run.Case.Requirements, register)) || (profiles.Count > 1 && profiles.Any(p => p.Specification is not null)))
        {
            refusals.Add("unknown-profile", "the certificate's profiles ask nothing of such a target, or do not go together");
            return null;
        }

        return asked;
    }

    public static void Compare(RunReport report, IReadOnlyList<CaseRun> asked, int repetitions, RequirementRegister register, Refusals refusals)
    {
        if (repetitions is < CertificateScope.MinRepetitions or > CertificateScope.MaxRepetitions)
        {
            refusals.Add("repetitions", $"each case was run {repetitions} times; a certificate asks for {CertificateScope.MinRepetitions} to {CertificateScope.MaxRepetitions}");
            return;
        }

        if (report.Run.Shuffled != true)
        {
            refusals.Add("not-shuffled", "the run did not put the cases in another order each time, as a certificate says");
        }

        if (report.Run.Selected != (long)asked.Count * repetitions)
        {
            refusals.Add("run-incomplete", $"the run had {report.Run.Selected} results to give; the profiles ask for {asked.Count} cases, each {repetitions} times");
        }

        ILookup<(string, int), CaseResult> results = report.Cases.ToLookup(c => (c.FullName, c.Repetition));
        Dictionary<string, CaseRun> byName = asked.ToDictionary(run => run.FullName, StringComparer.Ordinal);
        foreach (IGrouping<(string Name, int Repetition), CaseResult> seen in results)
        {
            string name = $"{seen.Key.Name}, repetition {seen.Key.Repetition}";
            if (!byName.TryGetValue(seen.Key.Name, out CaseRun? run) || seen.Key.Repetition < 1 || seen.Key.Repetition > repetitions)
            {
                refusals.Add("case-extra", $"{name}: has a result, and the profiles do not ask for it");
                continue;
            }

            if (seen.Skip(1).Any())
            {
                refusals.Add("case-duplicate", $"{name}: has {seen.Count()} results");
            }

            CaseResult known = CaseExecution.Begin(run, seen.Key.Repetition, report.Run.Seed, register);
            foreach (CaseResult result in seen)
            {
                Compare(result, known, name, refusals);
            }
        }

        for (int repetition = 1; repetition <= repetitions; repetition++)
        {
            foreach (CaseRun run in asked.Where(run => !results.Contains((run.FullName, repetition))))
            {
                refusals.Add("case-missing", $"{run.FullName}, repetition {repetition}: the profiles ask for it, and it has no result");
            }
        }
    }

    private static void Compare(CaseResult result, CaseResult known, string name, Refusals refusals)
    {
        foreach ((string what, bool same) in ((string, bool)[])
        [
            ("title", result.Title == known.Title), ("area", result.Area == known.Area), ("requirements", result.Requirements.SequenceEqual(known.Requirements)),
            ("level", result.Level == known.Level), ("seed", result.Seed == known.Seed),
        ])
        {
            if (!same)
            {
                refusals.Add("case-altered", $"{name}: its {what} is not what this suite gives it");
            }
        }

        TraceLabel label = LabelOf(known);
        if (result.Trace is { } trace && trace != PathOf(label))
        {
            refusals.Add("trace-misnamed", $"{name}: names the trace '{trace}'; its own is called {PathOf(label)}");
        }
    }

    /// <summary>Compares the traces that cases name with those that are there.</summary>
    /// <param name="labels">What each trace says it is of, by path.</param>
    public static void CompareTraces(RunReport report, BundleContent content, IReadOnlyDictionary<string, string> labels, Refusals refusals)
    {
        Dictionary<string, TraceLabel> named = new(StringComparer.Ordinal);
        foreach (CaseResult result in report.Cases.Where(c => c.Trace is not null))
        {
            named[result.Trace!] = LabelOf(result);
            if (!content.Has(result.Trace!))
            {
                refusals.Add("trace-missing", $"{result.FullName}, repetition {result.Repetition}: its trace {result.Trace} is not there");
            }
        }

        foreach ((string path, string label) in labels.OrderBy(l => l.Key, StringComparer.Ordinal))
        {
            if (!named.TryGetValue(path, out TraceLabel? expected))
            {
                refusals.Add("trace-extra", $"{path}: no case names it");
            }
            else if (label != expected.ToString())
            {
                refusals.Add("trace-swapped", $"{path}: says that it is '{label}', not '{expected}'");
            }
        }
    }

    private static TraceLabel LabelOf(CaseResult result) => new(result.FullName, result.Repetition, result.Seed);

    private static string PathOf(TraceLabel label) => $"{Bundle.TracesFolder}/{label.FileName}";
}
