using System.CommandLine;
using System.Security.Cryptography;
using Vsockspec.Cases;
using Vsockspec.Results.Attestation;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec certify</c>: asks a target everything, several times, and writes a bundle that a stranger can check.</summary>
internal static class CertifyCommand
{
    private const int DefaultValidDays = 365;

    /// <summary>
    /// Each worker has a target of its own, so verdicts do not depend on it; only of a running kernel there is one, and what it reports has to be laid at one case's door.
    /// </summary>
    private const int DefaultJobs = 2;

    public static Command Create(Workbench bench, RunSuite runSuite)
    {
        Option<string> target = new(RunCommand.TargetOption)
        {
            Description = "What is judged: a name of 'list targets' or the path of a manifest.",
            HelpName = "T",
            Required = true,
        };
        Option<string[]> profiles = new("--profile")
        {
            Description = "What the certificate is about: a name of 'list profiles'; may be given more than once. [default: device-full for a device, driver for a driver: all that it can be asked]",
            HelpName = "P",
            DefaultValueFactory = _ => [],
        };
        Option<string?> key = new("--key")
        {
            Description = "Sign with this private key: PEM, ECDSA on P-256. [default: not signed]",
            HelpName = "KEY.pem",
        };
        Option<int> repeat = CommonOptions.Number(
            "--repeat", "Run each case so many times, in another order each time.", CertificateScope.MinRepetitions, CertificateScope.MinRepetitions, CertificateScope.MaxRepetitions);
        Option<int> jobs = CommonOptions.Number("--jobs", "Work in parallel, each worker on an instance of its own; by itself one at a time where the kernel that runs is judged.", DefaultJobs, 1, 256);
        Option<ulong?> seed = new("--seed")
        {
            Description = "All randomness follows from it. [default: a new one]",
            HelpName = "N",
            CustomParser = CommonOptions.ParseSeed,
        };
        Option<int> validDays = CommonOptions.Number("--valid-days", "The certificate is valid for so many days.", DefaultValidDays, 1, CertificateScope.MaxValidDays);
        Option<string?> output = CommonOptions.Out("Folder of the bundle.");
        Option<string?> resume = new("--resume")
        {
            Description = "Go on with the bundle of a certification that was interrupted; give the other options as they were.",
            HelpName = "DIR",
        };
        GuestOptions guest = new();
        Command command = new("certify", "Ask a target everything, several times, and write a bundle with a certificate that 'vsockspec verify' checks.")
        {
            target, profiles, key, repeat, jobs, seed, validDays, output, resume,
        };
        foreach (Option option in guest.All)
        {
            command.Add(option);
        }

        command.Validators.Add(result =>
        {
            bool fresh = result.GetValue(output) is not null;
            if (fresh == result.GetValue(resume) is not null)
            {
                result.AddError(fresh ? "--resume goes on in the folder that it names; leave out --out" : "--out is missing; name the folder of the bundle: --out DIR");
            }
        });
        command.SetAction(parsed =>
        {
            TargetManifest manifest = BuiltInTargets.Find(parsed.GetRequiredValue(target), bench.Suites);
            string? begun = parsed.GetValue(resume);
            ulong chosen = begun is null
                ? parsed.GetValue(seed) ?? BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8))
                : RunCommand.SeedOf(begun, parsed.GetValue(seed), bench);
            string[] named = [.. parsed.GetRequiredValue(profiles).Distinct(StringComparer.Ordinal)];
            IReadOnlyList<Profile> asked = [.. (named.Length == 0 ? [CertificateScope.ProfileFor(manifest.Role)] : named).Select(name => Certifying(name, bench))];
            if (asked.Count > 1 && asked.FirstOrDefault(p => p.Specification is not null) is { } alone)
            {
                throw new UsageException($"--profile {alone.Name}: is about one version of the specification; such a profile stands alone");
            }

            using AttestationKey? signer = parsed.GetValue(key) is { } file ? AttestationKey.Load(file, toSign: true) : null;
            Certification certification = new(bench, manifest, asked, parsed.GetValue(repeat), parsed.GetValue(validDays), signer);
            RunSettings settings = new()
            {
                Seed = chosen,
                Repeat = parsed.GetValue(repeat),
                Jobs = manifest.Device is not null && parsed.GetResult(jobs) is not { Implicit: false } ? 1 : parsed.GetValue(jobs),
                OrderSeed = chosen,
                Out = parsed.GetValue(output),
                Resume = begun,
            };
            string called = manifest.IsBuiltIn(bench.Suites) ? parsed.GetRequiredValue(target) : manifest.File;
            RunSession session = new(bench, runSuite, called, manifest, guest.Source(parsed, manifest, bench), string.Join(", ", asked.Select(p => p.Name)), shard: null)
            {
                Specification = asked[0].Specification,
                Conclude = certification.Conclude,
            };
            return session.Execute(certification.Asked, settings);
        });
        return command;
    }

    private static Profile Certifying(string name, Workbench bench) => Profile.Find(name, bench.Suites) is { Certifies: true } profile
        ? profile
        : throw new UsageException($"--profile {name}: is never part of a certificate: it says nothing of conformance; leave it out, 'vsockspec run --profile {name}' records what it asks");
}
