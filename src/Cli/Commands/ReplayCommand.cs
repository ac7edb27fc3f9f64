using System.CommandLine;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Results.Attestation;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec replay</c>: repeats one case of a bundle with the same seed.</summary>
internal static class ReplayCommand
{
    public static Command Create(Workbench bench, RunSuite runSuite)
    {
        Argument<string> bundle = CommonOptions.BundleArgument();
        Argument<string> name = new("CASE") { Description = "Full name of the case: VSC-0101, or VSC-0101[split] for one variant." };
        Option<string?> target = new("--target") { Description = "Another target than the bundle's.", HelpName = "T" };
        Option<string?> output = CommonOptions.Out("Folder of the new bundle. [default: a new one under out/]");
        GuestOptions guest = new();
        Command command = new("replay", "Repeat one case of a bundle with the same seed.") { bundle, name, target, output };
        foreach (Option option in guest.All)
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            RunReport report = Bundle.Open(parsed.GetRequiredValue(bundle), bench.Register);
            string wanted = parsed.GetRequiredValue(name);
            RefuseUnknown(report, wanted, parsed.GetRequiredValue(bundle));

            string targetName = parsed.GetValue(target) ?? report.Target.Manifest;
            TargetManifest manifest = BuiltInTargets.Find(targetName, bench.Suites);
            RunSettings settings = new() { Seed = report.Run.Seed, Out = parsed.GetValue(output) };
            if (report.Suite.Adopted is { } suite)
            {
                AdoptedSelection adopted = AdoptedSelection.ToRepeat(suite, bench.Kernels());
                return new AdoptedSession(bench, adopted).Execute(
                    targetName, manifest, new Selection { Profile = adopted.Profile, Transport = manifest.Transport, Cases = [wanted] }, settings);
            }

            Selection selection = new() { Profile = Profile.Find(ProfileOf(report, manifest, bench), bench.Suites), Transport = manifest.Transport, Role = manifest.Role, Cases = [wanted] };
            RunSession session = new(bench, runSuite, targetName, manifest, guest.Source(parsed, manifest, bench), selection.Profile.Name, shard: null)
            {
                Specification = selection.Profile.Specification,
            };
            return session.Execute(selection.From(bench.Catalogue), settings);
        });
        return command;
    }

    /// <summary>The bundle's, where it is known here: a case may belong to no other.</summary>
    private static string ProfileOf(RunReport report, TargetManifest manifest, Workbench bench) =>
        Profile.Names(bench.Suites).Contains(report.Run.Profile) ? report.Run.Profile : CertificateScope.ProfileFor(manifest.Role);

    private static void RefuseUnknown(RunReport report, string wanted, string folder)
    {
        if (!report.Cases.Any(c => c.FullName == wanted || c.Id == wanted))
        {
            throw new UsageException($"{folder}: has no case '{wanted}'{Suggestion.For(wanted, report.Cases.Select(c => c.FullName))}");
        }
    }
}
