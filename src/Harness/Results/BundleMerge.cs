using Vsockspec.Cases;

namespace Vsockspec.Results;

/// <summary>Makes one bundle of several, which are parts of one run: same suite, target and seed.</summary>
public static class BundleMerge
{
    /// <summary>Writes the new bundle with the traces of all parts.</summary>
    /// <exception cref="BundleException">The parts do not belong together, overlap, or the new folder cannot be written.</exception>
    public static RunReport Merge(IReadOnlyList<string> folders, string destination, RequirementRegister register)
    {
        RunReport[] parts = [.. folders.Select(f => Bundle.Open(f, register))];
        RunReport first = parts[0];
        HashSet<(string, int)> seen = [];
        for (int i = 0; i < parts.Length; i++)
        {
            if (parts[i].Suite != first.Suite || parts[i].Run.Seed != first.Run.Seed || Identity(parts[i].Target) != Identity(first.Target))
            {
                throw new BundleException($"{folders[i]}: is not of the same run as {folders[0]}: suite, seed or target differ");
            }

            foreach (CaseResult result in parts[i].Cases)
            {
                if (!seen.Add((result.FullName, result.Repetition)))
                {
                    throw new BundleException($"{folders[i]}: has {result.FullName}, which another bundle has already");
                }
            }
        }

        RunInfo run = first.Run with
        {
            StartedAt = parts.Min(p => p.Run.StartedAt),
            DurationMs = parts.Sum(p => p.Run.DurationMs),
            Shard = null,
            Selected = parts.Sum(p => p.Run.Selected),
            State = parts.All(p => p.Run.State == RunState.Complete) ? RunState.Complete : RunState.Stopped,
        };
        IReadOnlyList<GuestRecord> guests = parts.SelectMany(p => p.Guests).Aggregate((IReadOnlyList<GuestRecord>)[], GuestRecord.Add);
        CaseResult[] cases = [.. parts.SelectMany(p => p.Cases)];
        using (BundleWriter writer = BundleWriter.Create(destination, first.Suite, first.Target, first.Environment, run, register))
        {
            for (int i = 0; i < parts.Length; i++)
            {
                foreach (CaseResult result in parts[i].Cases)
                {
                    CopyTrace(folders[i], destination, result);
                    writer.CaseFinished(result);
                }
            }
        }

        RunReport merged = ReportBuilder.Build(first.Suite, first.Target, first.Environment, run, guests, cases, register);
        Bundle.Write(destination, merged);
        return merged;
    }

    /// <summary>A kernel has no digest; its release is the version.</summary>
    private static (string Name, string? Version, string? Digest) Identity(TargetInfo target) => (target.Name, target.Version, target.Digest);

    private static void CopyTrace(string from, string to, CaseResult result)
    {
        // The path comes from a file: only a plain name in the traces folder is followed.
        if (result.Trace is { } trace && Path.GetDirectoryName(trace) == Bundle.TracesFolder && File.Exists(Path.Combine(from, trace)))
        {
            Bundle.Guarded(trace, () =>
            {
                File.Copy(Path.Combine(from, trace), Path.Combine(to, trace), overwrite: true);
                return 0;
            });
        }
    }
}
