using System.CommandLine;
using System.Globalization;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec expect</c>: keeps the list of what a target is known to do wrong.</summary>
internal static class ExpectCommand
{
    /// <summary>How long a new entry is borne when nobody says.</summary>
    private const int DefaultDays = 90;

    public static Command Create(Workbench bench) => new("expect", "Keep the list of what a target is known to do wrong.") { Update(bench) };

    private static Command Update(Workbench bench)
    {
        Argument<string> bundle = CommonOptions.BundleArgument();
        Option<string?> file = new("--file") { Description = "The expectations file. [default: the one that the target's manifest names]", HelpName = "F" };
        Option<string?> owner = new("--owner") { Description = "Who sees to the new failures; needed when there are any.", HelpName = "W" };
        Option<string?> link = new("--link") { Description = "Where they are being worked on; needed when there are any.", HelpName = "L" };
        Option<DateOnly?> expires = new("--expires")
        {
            Description = $"The last day on which new failures, and expired ones that go on, are borne. [default: {DefaultDays} days from now; expired ones are not renewed]",
            HelpName = "DATE",
            CustomParser = result =>
            {
                if (DateOnly.TryParseExact(result.Tokens[0].Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly date))
                {
                    return date;
                }

                result.AddError($"--expires {result.Tokens[0].Value}: write a date: 2031-12-31");
                return null;
            },
        };
        Command command = new("update", "Write what failed in a bundle into the expectations file: known failures stay as they are, what passes is dropped, new failures are added.")
        {
            bundle, file, owner, link, expires,
        };
        command.SetAction(parsed =>
        {
            DateOnly today = DateOnly.FromDateTime(bench.Time.GetUtcNow().UtcDateTime);
            DateOnly? until = parsed.GetValue(expires);
            if (until < today)
            {
                throw new UsageException($"--expires {until:yyyy-MM-dd}: is over already; give a day to come");
            }

            RunReport report = Bundle.Open(parsed.GetRequiredValue(bundle), bench.Register);
            string path = Path.GetFullPath(parsed.GetValue(file) ?? FileOf(report, bench));
            string? text = Read(path);
            UpdateTerms terms = new(parsed.GetValue(link), parsed.GetValue(owner), until ?? today.AddDays(DefaultDays), Renew: until is not null);
            ExpectationsUpdate update = ExpectationsUpdate.Of(path, text, report.Target.Name, report.Cases, terms, today);
            if (update.Text != text && (text is not null || update.Done.Count > 0))
            {
                Write(path, update.Text);
            }

            foreach (string line in update.Done)
            {
                bench.Out.WriteLine(line);
            }

            foreach (string line in update.LeftOut)
            {
                bench.Error.WriteLine($"left out: {line}");
            }

            bench.Out.WriteLine($"{path}: {(update.Done.Count == 0 ? "nothing to change" : $"{update.Done.Count} changes")}");
            return update.LeftOut.Count == 0 ? ExitCodes.Passed : ExitCodes.TargetFailed;
        });
        return command;
    }

    private static string FileOf(RunReport report, Workbench bench)
    {
        try
        {
            return BuiltInTargets.Find(report.Target.Manifest, bench.Suites).Expectations
                ?? throw new UsageException($"the manifest of {report.Target.Name} names no expectations file; give --file, and name it there: 'expectations: FILE'");
        }
        catch (TargetException e)
        {
            throw new UsageException($"the manifest of {report.Target.Name} is not to be had ({e.Message}); give --file");
        }
    }

    /// <summary>Null when there is no such file.</summary>
    private static string? Read(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        // Refuses what is no data file, or too large for one, before it is read as a whole.
        _ = YamlMap.Load(path);
        return File.ReadAllText(path);
    }

    private static void Write(string path, string text)
    {
        string temporary = path + ".tmp";
        try
        {
            File.WriteAllText(temporary, text);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            File.Delete(temporary);
            throw new UsageException($"{path}: cannot be written: {e.Message}");
        }
    }
}
