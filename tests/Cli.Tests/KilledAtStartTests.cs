using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Tests;

/// <summary>vsockspec is killed in the very moment in which it starts a target.</summary>
public sealed class KilledAtStartTests
{
    [Test]
    public void Run_KilledWhileItStartsTheTarget_LeavesNothing()
    {
        using Terminal place = new();
        using DeadlySetsid setsid = new(place.Folder, "the-target-itself");
        string manifest = place.Write(
            "t.yaml", "name: x\nrole: device\ntransport: vhost-user\nlaunch: {command: [/bin/sh, -c, \"exec sleep 600\", the-target-itself, \"{socket}\"]}\n");
        ProcessStartInfo info = new(DotNet.Host, [Path.Combine(AppContext.BaseDirectory, "vsockspec.dll"), "run", "--target", manifest, "--out", place.PathOf("b")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        info.Environment["DOTNET_EnableDiagnostics"] = "0";
        using Process process = Process.Start(setsid.Fatal(info))!;
        setsid.AssertThatNothingIsLeft(process);
    }
}
