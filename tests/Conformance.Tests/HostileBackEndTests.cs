using System.Globalization;
using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Reference.Mutants;
using Vsockspec.Targets;

namespace Vsockspec.Conformance.Tests;

/// <summary>
/// The harness against a back end that means harm: whatever it does, every case ends with a verdict about the target, never with an
/// error of ours. <c>VSOCKSPEC_FUZZ_RUNS</c> sets the number of seeds.
/// </summary>
[TestFixture]
public sealed class HostileBackEndTests
{
    private const int DefaultRuns = 300;
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(30);
    private static readonly Catalogue Cases = Catalogue.Of(typeof(CatalogueFixture).Assembly);
    private static readonly RequirementRegister Register = RequirementRegister.Load();

    [Test]
    public void Harness_AgainstHostileBackEnds_NeverFailsItself()
    {
        int runs = int.TryParse(Environment.GetEnvironmentVariable("VSOCKSPEC_FUZZ_RUNS"), CultureInfo.InvariantCulture, out int n) ? n : DefaultRuns;
        CaseRun[] all = [.. Cases.Runs.Where(r => !r.Case.Attribute.Slow)];
        Tally tally = new();
        _ = Parallel.For(0, runs, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, seed =>
        {
            RunRequest request = new()
            {
                Target = new ReferenceTarget($"hostile-{seed}", () => HostileParts.Of(seed)),
                Runs = [all[seed % all.Length]],
                Seed = (ulong)seed,
                Patience = Patience,
            };
            try
            {
                new SuiteRunner(Register).Run(request, tally, CancellationToken.None);
            }
            catch (TargetException)
            {
                tally.Unusable();
            }
        });
        TestContext.Out.WriteLine($"{runs} hostile back ends: {tally}");
        Assert.That(tally.Errors, Is.Empty);
        Assert.That(tally.Finished, Is.EqualTo(runs));
    }

    private sealed class Tally : IRunListener
    {
        private readonly Dictionary<Verdict, int> verdicts = [];
        private readonly List<string> errors = [];
        private int unusable;

        public IReadOnlyList<string> Errors => errors;

        public int Finished => verdicts.Values.Sum() + unusable;

        public void TargetProbed(TargetFacts facts)
        {
        }

        public void CaseStarted(CaseRun run, int repetition)
        {
        }

        public void CaseFinished(CaseResult result)
        {
            lock (verdicts)
            {
                verdicts[result.Verdict] = verdicts.GetValueOrDefault(result.Verdict) + 1;
                if (result.Verdict == Verdict.HarnessError)
                {
                    errors.Add($"{result.FullName} seed {result.Seed}: {result.Observed}\n{result.Log}");
                }
            }
        }

        public void Unusable()
        {
            lock (verdicts)
            {
                unusable++;
            }
        }

        public override string ToString() => string.Join(", ", verdicts.Select(v => $"{v.Value} {v.Key}")) + $", {unusable} refused at the first exchange";
    }
}
