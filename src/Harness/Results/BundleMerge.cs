using Vsockspec.Cases;

namespace Vsockspec.Results;

/// <summary>Makes one bundle of several, which are parts of one run: same suite, target, profile and seed.</summary>
public static class BundleMerge
{
    /// <summary>
    /// Writes the new bundle with the traces of all parts. Its cases are in order of name and repetition, whatever order the parts ran and are given in. Where a shard is missing
    /// or did not come to its end, so did not the whole: <see cref="RunInfo.Error"/> names it.
    /// </summary>
    /// <exception cref="BundleException">The parts do not belong together, overlap, lack a trace, or the new folder cannot be written.</exception>
    public static RunReport Merge(IReadOnlyList<string> folders, string destination, RequirementRegister register)
    {
        string target = Path.GetFullPath(destination);
        if (File.Exists(Path.Combine(target, Bundle.ResultsFile)))
        {
            throw new BundleException($"{target}: has a bundle already; give another folder to --out, or remove this one");
        }

        Part[] parts = [.. folders.Select(folder => Part.Open(folder, register)).OrderBy(p => p.Shard?.Index)];
        foreach (Part part in parts)
        {
            part.RefuseUnlessOfOneRunWith(parts[0]);
        }

        RefuseTwice(parts);
        RunReport merged = Join(parts, register);
        Write(target, parts, merged, register);
        return merged;
    }

    private static RunReport Join(Part[] parts, RequirementRegister register)
    {
        RunReport first = parts[0].Report;
        string? error = WhatIsLacking(parts);
        RunInfo run = first.Run with
        {
            StartedAt = parts.Min(p => p.Report.Run.StartedAt),
            DurationMs = Math.Round(parts.Sum(p => p.Report.Run.DurationMs), 1),
            Shard = null,
            Whole = null,
            Selected = first.Run.Whole ?? parts.Sum(p => p.Report.Run.Selected),
            State = error is null ? RunState.Complete : RunState.Stopped,
            Error = error,
        };
        CaseResult[] cases =
        [
            .. parts.SelectMany(p => p.Report.Cases).OrderBy(c => c.FullName, StringComparer.Ordinal).ThenBy(c => c.Repetition),
        ];
        IReadOnlyList<GuestRecord> guests = parts.SelectMany(p => p.Report.Guests).Aggregate((IReadOnlyList<GuestRecord>)[], GuestRecord.Add);
        TargetInfo target = parts.Select(p => p.Report.Target).FirstOrDefault(t => t.OfferedFeatures is not null) ?? first.Target;
        return ReportBuilder.Build(first.Suite, target, first.Environment, run, guests, cases, register) with
        {
            Expectations = parts.Select(p => p.Report.Expectations).Aggregate(Together),
            Parts = [.. parts.Select(p => p.Describe())],
        };
    }

    /// <summary>A part that was killed has not come to judge its entries.</summary>
    private static ExpectationsInfo? Together(ExpectationsInfo? a, ExpectationsInfo? b) =>
        a is null || b is null ? a ?? b : a with { Entries = [.. a.Entries.Zip(b.Entries, (x, y) => x.And(y))] };

    /// <summary>Null when every shard is there and came to its end.</summary>
    private static string? WhatIsLacking(Part[] parts)
    {
        List<string> lacking = [];
        if (parts[0].Shard is { } any)
        {
            HashSet<int> present = [.. parts.Select(p => p.Shard!.Index)];
            lacking.AddRange(Enumerable.Range(1, any.Count).Where(i => !present.Contains(i)).Select(i => $"shard {any with { Index = i }} is missing"));
        }

        lacking.AddRange(parts.Where(p => !p.IsWhole).Select(p =>
            $"{p.Name} has {p.Report.Cases.Count} of {p.Report.Run.Selected} results{(p.Report.Run.Error is { } error ? $" ({error})" : "")}"));
        return lacking.Count == 0 ? null : string.Join("; ", lacking);
    }

    private static void RefuseTwice(Part[] parts)
    {
        Dictionary<int, string> folderByShard = [];
        HashSet<(string, int)> seen = [];
        foreach (Part part in parts)
        {
            if (part.Shard is { } shard && !folderByShard.TryAdd(shard.Index, part.Folder))
            {
                throw new BundleException($"{part.Folder}: is shard {shard}, and so is {folderByShard[shard.Index]}; give each shard once");
            }

            foreach (CaseResult result in part.Report.Cases)
            {
                if (!seen.Add((result.FullName, result.Repetition)))
                {
                    throw new BundleException($"{part.Folder}: has {result.FullName}, which another bundle has already");
                }
            }
        }
    }

    private static void Write(string folder, Part[] parts, RunReport merged, RequirementRegister register)
    {
        List<(string From, string To)> traces = [.. parts.SelectMany(p => p.Traces.Select(name => (Path.Combine(p.Folder, name), Path.Combine(folder, name))))];
        Bundle.Guarded(folder, () =>
        {
            Directory.CreateDirectory(Path.Combine(folder, Bundle.TracesFolder));
            traces.ForEach(trace => File.Copy(trace.From, trace.To, overwrite: false));
            return 0;
        });
        Bundle.WriteFile(Path.Combine(folder, Bundle.CasesFile), [.. merged.Cases.SelectMany(BundleJson.Line)]);
        Bundle.Write(folder, merged, register);
    }

    /// <summary>One of the bundles that are merged.</summary>
    private sealed record Part(string Folder, RunReport Report, Shard? Shard)
    {
        /// <summary>For messages.</summary>
        public string Name => Shard is null ? Folder : $"shard {Shard}";

        public bool IsWhole => Report.Run.State == RunState.Complete && Report.Cases.Count == Report.Run.Selected;

        /// <summary>Relative paths.</summary>
        /// <exception cref="BundleException">One is not there, or lies elsewhere.</exception>
        public IEnumerable<string> Traces => Report.Cases.Select(c => c.Trace).OfType<string>().Select(Checked);

        /// <exception cref="BundleException">Not a bundle.</exception>
        public static Part Open(string folder, RequirementRegister register)
        {
            RunReport report = Bundle.Open(folder, register);
            return new Part(folder, report, report.Run.Shard is not { } text
                ? null
                : Shard.Parse(text) ?? throw new BundleException($"{folder}: calls itself shard '{text}'; a shard is called I/N: 2/4"));
        }

        public RunPart Describe() => new(
            Shard?.ToString(), Report.Run.Id, Report.Run.StartedAt, Report.Run.DurationMs, Report.Run.State, Report.Environment);

        public void RefuseUnlessOfOneRunWith(Part first)
        {
            if (Difference(first) is { } what)
            {
                throw new BundleException($"{Folder}: is not of the same run as {first.Folder}: {what}");
            }
        }

        private string? Difference(Part first)
        {
            (RunInfo run, RunInfo other) = (Report.Run, first.Report.Run);
            (TargetInfo target, TargetInfo its) = (Report.Target, first.Report.Target);
            return
                Report.Suite != first.Report.Suite ? "another version of the suite judged it"
                : target.Name != its.Name || target.Version != its.Version || target.Digest != its.Digest || target.Role != its.Role || target.Transport != its.Transport
                    ? $"the target is {Identity(target)}, there {Identity(its)}"
                : !Same(target.Claims, its.Claims) ? "the target claims other features"
                : !Same(target.OfferedFeatures, its.OfferedFeatures) || !Same(target.ProtocolFeatures, its.ProtocolFeatures) ? "the target offered other features"
                : run.Seed != other.Seed ? $"the seed is {run.Seed}, there {other.Seed}; give all shards the same --seed"
                : run.Profile != other.Profile ? $"the profile is {run.Profile}, there {other.Profile}"
                : HasOther(Report.Expectations, first.Report.Expectations) ? "the list of known failures is another"
                : Shard?.Count != first.Shard?.Count ? $"it is {Named(run)}, the other {Named(other)}"
                : run.Whole != other.Whole ? $"all shards together have {run.Whole} results, there {other.Whole}; give all shards the same options"
                : null;
        }

        private static bool HasOther(ExpectationsInfo? mine, ExpectationsInfo? its) =>
            mine is not null && its is not null && (mine.Sha256 != its.Sha256 || mine.Entries.Count != its.Entries.Count);

        private static string Named(RunInfo run) => run.Shard is { } shard ? $"shard {shard}" : "no shard";

        private static string Identity(TargetInfo target) =>
            $"{target.Name} ({target.Role}, {target.Transport}{(target.Version is { } version ? $", version {version}" : "")}{(target.Digest is { } digest ? $", sha256 {digest}" : "")})";

        /// <summary>What was never asked is not different.</summary>
        private static bool Same(IReadOnlyList<string>? mine, IReadOnlyList<string>? its) => mine is null || its is null || mine.SequenceEqual(its);

        /// <summary>The path comes from a file: only a plain name in the traces folder is followed, and no link.</summary>
        private string Checked(string trace)
        {
            FileInfo file = new(Path.Combine(Folder, trace));
            bool isPlain = Path.GetDirectoryName(trace) == Bundle.TracesFolder && Path.GetFileName(trace) is not ("" or "." or "..");
            return isPlain && file.Exists && file.LinkTarget is null && file.Directory!.LinkTarget is null
                ? trace
                : throw new BundleException($"{Folder}: names the trace '{trace}', which is no file in its folder {Bundle.TracesFolder}; the bundle is not whole");
        }
    }
}
