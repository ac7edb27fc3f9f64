using System.Diagnostics;
using NUnit.Framework;

namespace Vsockspec.Tests;

/// <summary>Programs of others that read what we write; ci/setup.sh installs them.</summary>
internal static class Tool
{
    /// <summary>A file of ci/schemas.</summary>
    public static string Schema(string path) => Require(Repository.PathOf(Path.Combine("ci/schemas", path)));

    /// <summary>The path, if it is there; otherwise the test is ignored, in continuous integration it fails.</summary>
    public static string Require(string path)
    {
        if (!File.Exists(path))
        {
            string remedy = $"{path} is not there; run ci/setup.sh";
            if (Environment.GetEnvironmentVariable("CI") == "true")
            {
                Assert.Fail(remedy);
            }

            Assert.Ignore(remedy);
        }

        return path;
    }

    /// <summary>Exit code and everything printed.</summary>
    public static (int ExitCode, string Output) Run(string program, params IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1";
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        if (!process.WaitForExit(TimeSpan.FromSeconds(120)))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} does not end");
        }

        return (process.ExitCode, output + errors.GetAwaiter().GetResult());
    }
}
