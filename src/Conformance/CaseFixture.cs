using System.Collections.Concurrent;
using NUnit.Framework;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;
using NUnit.Framework.Internal.Builders;
using Vsockspec.Cases;
using Vsockspec.Targets;

namespace Vsockspec.Conformance;

/// <summary>
/// Cases about a device as NUnit tests, one for each case and variant. The verdict decides: a pass, a non-strict pass, a recorded behaviour and a known failure pass; what the
/// target does not support is ignored with the reason; everything else fails. The target stays up between tests; tests that run in parallel have an instance each.
/// </summary>
public abstract class CaseFixture
{
    private const ulong Seed = 1;
    private static readonly RequirementRegister Register = RequirementRegister.Load();
    private static readonly RegressionRegister Regressions = RegressionRegister.Load();

    /// <summary>Started and at rest: whoever needs one takes it and puts it back.</summary>
    private readonly ConcurrentBag<CaseSession> _idle = [];
    private readonly Lazy<RunRequest> _request;
    private readonly Lazy<Expectations> _expectations;
    private int _sessions;

    protected CaseFixture()
    {
        _request = new(() => new RunRequest { Target = OpenTarget(), Runs = [], Seed = Seed, Specification = Specification });
        _expectations = new(() => KnownFailures);
    }

    /// <summary>All cases of the suite.</summary>
    public static Catalogue Catalogue { get; } = Catalogue.Of(typeof(CaseFixture).Assembly);

    /// <summary>What becomes a test, in this order.</summary>
    protected abstract IEnumerable<CaseRun> Runs { get; }

    /// <summary>As <see cref="RunRequest.Specification"/>.</summary>
    protected virtual VirtioVersion? Specification => null;

    /// <summary>Failures that are borne.</summary>
    protected virtual Expectations KnownFailures => Expectations.None;

    /// <summary>What is judged; called once.</summary>
    /// <exception cref="TargetException">The description is wrong.</exception>
    protected abstract IDeviceTarget OpenTarget();

    [RunsAsTests]
    public void Case(CaseRun run)
    {
        CaseSession session = _idle.TryTake(out CaseSession? idle) ? idle : new CaseSession(Register, _request.Value, Interlocked.Increment(ref _sessions) - 1);
        CaseResult result;
        try
        {
            result = session.Run(run, TestContext.CurrentContext.CancellationToken);
        }
        finally
        {
            _idle.Add(session);
        }

        Tell(Regressions.Hint(_expectations.Value.Apply(result), Catalogue));
    }

    [OneTimeTearDown]
    public void EndTargets()
    {
        while (_idle.TryTake(out CaseSession? session))
        {
            session.Dispose();
        }
    }

    private static void Tell(CaseResult result)
    {
        switch (result.Verdict)
        {
            case Verdict.Pass or Verdict.NonStrict or Verdict.Informational or Verdict.KnownFailure:
                break;
            case Verdict.NotSupported or Verdict.NotApplicable:
                Assert.Ignore($"{result.Verdict}: {result.Observed}");
                break;
            default:
                Assert.Fail($"{result.Verdict} {result.FailureCode}: expected {result.Expected}; observed {result.Observed}\n{string.Concat(result.Hints.Select(h => h + "\n"))}{result.Log}");
                break;
        }
    }

    /// <summary>Makes the tests: what they are depends on the class that derives, so that a static source would not do.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class RunsAsTestsAttribute : NUnitAttribute, ITestBuilder, IImplyFixture
    {
        private readonly NUnitTestCaseBuilder _builder = new();

        public IEnumerable<TestMethod> BuildFrom(IMethodInfo method, Test? suite) => Cases(method.TypeInfo.Type).Select(test => _builder.BuildTestMethod(method, suite, test));

        /// <summary>One test that cannot run and says why, where the fixture is wrong.</summary>
        private static IReadOnlyList<TestCaseParameters> Cases(Type fixture)
        {
            try
            {
                return [.. ((CaseFixture)Activator.CreateInstance(fixture)!).Runs.Select(Describe)];
            }
            catch (Exception e) when (e is TargetException or DataFileException or MissingMethodException or System.Reflection.TargetInvocationException)
            {
                return [new TestCaseParameters(e.InnerException is { } inner && e is System.Reflection.TargetInvocationException ? inner : e)];
            }
        }

        private static TestCaseParameters Describe(CaseRun run)
        {
            TestCaseData data = new TestCaseData(run).SetName($"{run.FullName} {run.Case.Name}").SetCategory(run.Case.Area);
            foreach (string requirement in run.Case.Requirements)
            {
                data.SetProperty("Requirement", requirement);
            }

            return new TestCaseParameters(data);
        }
    }
}
