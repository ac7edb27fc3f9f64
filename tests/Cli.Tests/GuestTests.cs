using System.Text.Json;
using NUnit.Framework;
using Vsockspec.Harness.Tests.Guests;

namespace Vsockspec.Cli.Tests;

public sealed class GuestTests
{
    private const string Release = "6.1.0-56-cloud-amd64";

    [Test]
    public void List_NothingCached_SaysHowToFetch()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("guest", "list"), Is.Zero);
        Assert.That(terminal.Out, Is.EqualTo($"no kernel is cached in {terminal.PathOf("kernels")}; fetch one: vsockspec guest fetch debian:6.12\n"));

        Assert.That(terminal.Run("guest", "list", "--json"), Is.Zero);
        Assert.That(JsonDocument.Parse(terminal.Out).RootElement.GetArrayLength(), Is.Zero);
    }

    [Test]
    public void Fetch_ThenList_ShowsTheKernel()
    {
        using FakeDebian debian = new();
        debian.Publish(Release, "6.1.192-2");
        using Terminal terminal = new() { Kernels = debian.Store() };

        Assert.That(terminal.Run("guest", "fetch", "debian:6.1"), Is.Zero, terminal.Error);
        Assert.That(terminal.Out, Does.StartWith($"debian:6.1: downloading linux-image-{Release} 6.1.192-2"));
        Assert.That(terminal.Out.Split('\n')[^2], Does.Match($"^debian:6.1: Linux {Release}, package 6.1.192-2, sha256:[0-9a-f]{{64}}$"));

        Assert.That(terminal.Run("guest", "fetch", "debian:6.1"), Is.Zero);
        Assert.That(terminal.Out.Split('\n'), Has.Length.EqualTo(2), "it is here: one line");
        Assert.That(terminal.Run("guest", "fetch", "--refresh", "debian:6.1"), Is.Zero);
        Assert.That(terminal.Out, Does.StartWith($"debian:6.1: linux-image-{Release} 6.1.192-2 is the newest, and is here\n"));

        Assert.That(terminal.Run("guest", "list"), Is.Zero);
        Assert.That(terminal.Out, Does.Match($"(?m)^debian:6.1  {Release}  6.1.192-2  sha256:[0-9a-f]{{64}}  {debian.Cache}/.*/vmlinuz-{Release}$"));
        Assert.That(terminal.Run("guest", "list", "--json"), Is.Zero);
        JsonElement kernel = JsonDocument.Parse(terminal.Out).RootElement[0];
        Assert.That(kernel.GetProperty("name").GetString(), Is.EqualTo("debian:6.1"));
        Assert.That(kernel.GetProperty("version").GetString(), Is.EqualTo("6.1.192-2"));
        Assert.That(kernel.GetProperty("modules").GetString(), Does.EndWith($"/lib/modules/{Release}"));

        Assert.That(terminal.Run("doctor"), Is.Zero);
        Assert.That(terminal.Out, Does.Match($"(?m)^ok +debian:6.1 +{Release}, package 6.1.192-2 "));
        Assert.That(terminal.Out, Does.Match("(?m)^-- +debian:6.12 +not fetched ").And.Contains("debian:6.12: vsockspec guest fetch debian:6.12\n"));
    }

    [TestCase("guest fetch", 2, "Required argument missing for command: 'fetch'")]
    [TestCase("guest fetch debian:6.1 debain:6.12", 2, "unknown kernel 'debain:6.12' (did you mean 'debian:6.12'?)")]
    [TestCase("guest fetch /nowhere/vmlinuz", 2, "/nowhere/vmlinuz: ")]
    [TestCase("guest fetch debian:6.1", 3, "apt-cache is missing: this is not a Debian system; give a kernel by its path")]
    [TestCase("guest boot debain:6.12", 2, "unknown kernel 'debain:6.12' (did you mean 'debian:6.12'?)")]
    [TestCase("guest boot uml --device kernel", 2, "--device kernel: user-mode Linux reaches vhost-user devices only")]
    [TestCase("guest boot debian:6.12 --accel fast", 2, "'fast'")]
    [TestCase("guest lsit", 2, "unknown command 'lsit' (did you mean 'list'?)")]
    public void Arguments_Wrong_AreExplained(string arguments, int exitCode, string message)
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run(arguments.Split(' ')), Is.EqualTo(exitCode));
        Assert.That(terminal.Error, Does.StartWith("vsockspec: ").And.Contain(message).And.Not.Contain("an error of vsockspec itself"));
    }
}
