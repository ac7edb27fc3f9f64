using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using NUnit.Framework;

namespace Vsockspec.Harness.Tests.Wire;

/// <summary>Says in C what our code believes, for a compiler to judge against the system's headers.</summary>
internal sealed class CAssertions
{
    private static readonly TimeSpan CompilerDeadline = TimeSpan.FromSeconds(60);

    private readonly StringBuilder source = new("#include <stddef.h>\n");

    public CAssertions(params ReadOnlySpan<string> headers)
    {
        foreach (string header in headers)
        {
            source.Append($"#include <{header}>\n");
        }
    }

    public CAssertions Equal(string expression, ulong value)
    {
        source.Append($"_Static_assert(({expression}) == {value}ULL, \"{expression} is {value} for us\");\n");
        return this;
    }

    /// <summary>A macro that older headers do not have.</summary>
    public CAssertions EqualIfDefined(string macro, string expression, ulong value)
    {
        source.Append($"#ifdef {macro}\n");
        Equal(expression, value);
        source.Append("#endif\n");
        return this;
    }

    /// <summary>A field must lie where our encoding of a value with only this field set has its bytes.</summary>
    /// <param name="member">Struct and field, as in <c>struct vring_desc, addr</c>.</param>
    public CAssertions Field(string member, ReadOnlySpan<byte> encoded)
    {
        int offset = encoded.IndexOfAnyExcept((byte)0);
        int end = encoded.LastIndexOfAnyExcept((byte)0) + 1;
        string[] parts = member.Split(", ");
        return Equal($"offsetof({member})", (ulong)offset).Equal($"sizeof((({parts[0]} *)0)->{parts[1]})", (ulong)(end - offset));
    }

    /// <summary>Compiles. Without a compiler the test is ignored, except where CI promises one.</summary>
    public (bool Accepted, string Output) Compile()
    {
        ProcessStartInfo start = new("cc", ["-std=c11", "-fsyntax-only", "-x", "c", "-"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using Process compiler = Process.Start(start)!;
            Task<string> output = compiler.StandardError.ReadToEndAsync();
            compiler.StandardInput.Write(source);
            compiler.StandardInput.Close();
            if (!compiler.WaitForExit(CompilerDeadline))
            {
                compiler.Kill();
                Assert.Fail($"cc did not end within {CompilerDeadline}");
            }

            return (compiler.ExitCode == 0, output.Result);
        }
        catch (Win32Exception e)
        {
            if (Environment.GetEnvironmentVariable("CI") == "true")
            {
                Assert.Fail($"cc cannot be started: {e.Message}; install gcc");
            }

            Assert.Ignore($"cc cannot be started: {e.Message}");
            throw;
        }
    }

    public void ExpectAccepted()
    {
        (bool accepted, string output) = Compile();
        Assert.That(accepted, Is.True, output);
    }
}
