using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Vsockspec.Cli.Commands;

/// <summary>Options that more than one command has.</summary>
internal static class CommonOptions
{
    public static Option<bool> Json() => new("--json") { Description = "Print JSON, for programs." };

    public static Option<string?> Suites() => new("--suites")
    {
        Description = "Folder of requirements, profiles and targets, instead of the product's own.",
        HelpName = "DIR",
    };

    public static Option<string?> Out(string description) => new("--out") { Description = description, HelpName = "DIR" };

    public static Argument<string> BundleArgument(string name = "BUNDLE") => new(name) { Description = "Folder that a run wrote." };

    /// <summary>An unsigned 64-bit number, decimal or <c>0x</c> and hex.</summary>
    public static ulong? ParseSeed(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        bool ok = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong seed)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seed);
        if (ok)
        {
            return seed;
        }

        result.AddError($"--seed {text}: not a number from 0 to 2^64-1; write it decimal or as 0x and hex digits");
        return null;
    }

    /// <summary>A whole number within bounds, for options such as --jobs.</summary>
    public static Option<int> Number(string name, string description, int otherwise, int min, int max) => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => otherwise,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= min && value <= max)
            {
                return value;
            }

            result.AddError($"{name} {text}: not a whole number from {min} to {max}");
            return otherwise;
        },
    };
}
