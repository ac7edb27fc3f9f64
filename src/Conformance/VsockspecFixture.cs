using Vsockspec.Cases;
using Vsockspec.Targets;

namespace Vsockspec.Conformance;

/// <summary>
/// Your back end, judged under <c>dotnet test</c>: derive, and say what is judged.
/// <code>
/// [TestFixture]
/// public sealed class MyBackend : VsockspecFixture
/// {
///     protected override TargetManifest Target => Manifest("my-backend.yaml");
/// }
/// </code>
/// NUnit passes over a test program that names nothing of it, so that the attribute is not for show. The same manifest serves <c>vsockspec run</c> and <c>vsockspec certify</c>.
/// </summary>
public abstract class VsockspecFixture : CaseFixture
{
    /// <summary>What is judged: <see cref="Manifest"/> or <see cref="Command"/>.</summary>
    protected abstract TargetManifest Target { get; }

    /// <summary>Name of the profile; null: everything that a device behind the target's transport can be asked.</summary>
    protected virtual string? Profile => null;

    /// <summary>Leave out cases that take seconds by their nature.</summary>
    protected virtual bool Quick => false;

    /// <summary>File of failures that are borne, relative to the folder of the test program; null: the manifest's, if it names one.</summary>
    protected virtual string? ExpectationsFile => null;

    /// <exception cref="DataFileException">The profile is unknown.</exception>
    protected sealed override IEnumerable<CaseRun> Runs
    {
        get
        {
            TargetManifest target = Target;
            Profile profile = ProfileFor(target);
            return Catalogue.Runs.Where(run => run.Case.IsAbout(target.Transport) && !run.Case.NeedsGuest && profile.Includes(run) && !(Quick && run.Case.Attribute.Slow));
        }
    }

    protected sealed override VirtioVersion? Specification => ProfileFor(Target).Specification;

    protected sealed override Expectations KnownFailures =>
        (ExpectationsFile is { } file ? InFolder(file) : Target.Expectations) is { } path
            ? Expectations.Load(path, Catalogue.RunsOver(Target.Transport), DateOnly.FromDateTime(DateTime.UtcNow))
            : Expectations.None;

    /// <summary>The target that a manifest describes.</summary>
    /// <param name="file">Relative to the folder of the test program.</param>
    /// <exception cref="TargetException">The file is wrong.</exception>
    protected static TargetManifest Manifest(string file) => TargetManifest.Load(InFolder(file));

    /// <summary>A vhost-user target that a command starts; texts may hold the placeholders of docs/manifest.md, and <c>{socket}</c> has to occur.</summary>
    /// <param name="command">Program and arguments. A path with a slash starts from the folder of the test program.</param>
    /// <exception cref="TargetException">The command is wrong.</exception>
    protected static TargetManifest Command(string name, params IReadOnlyList<string> command) => TargetManifest.OfCommand(name, InFolder("(command)"), command);

    protected sealed override IDeviceTarget OpenTarget() => Target.ToTarget();

    private Profile ProfileFor(TargetManifest target) => Vsockspec.Cases.Profile.Find(Profile ?? Vsockspec.Cases.Profile.DefaultFor(target.Role, target.Transport), SuiteData.Folder);

    private static string InFolder(string file) => Path.GetFullPath(file, AppContext.BaseDirectory);
}
