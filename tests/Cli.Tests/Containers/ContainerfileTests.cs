using Docker.DotNet.Models;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Tests;

namespace Vsockspec.Cli.Tests.Containers;

/// <summary>ci/Containerfile, built on a runtime image that is made from nothing, and used as ci/kubernetes uses it.</summary>
[NonParallelizable]
public sealed class ContainerfileTests
{
    private static readonly string[] Applets = ["sh", "env", "mkdir", "grep", "cat", "rm", "sleep", "setsid"];

    private static readonly string RuntimeImage = $"vsockspec-runtime:{Guid.NewGuid():N}";
    private static readonly string Image = $"vsockspec:{Guid.NewGuid():N}";

    [OneTimeSetUp]
    public void Build()
    {
        using (ImageBuilder runtime = new(TestEngine.Client))
        {
            ReferenceImage.AddLibraries(runtime, "libssl.so.3", "libcrypto.so.3");
            runtime.Add("root/usr/share/dotnet/dotnet", Path.Combine(ReferenceImage.Runtime, "dotnet"));
            runtime.AddFolder("root/usr/share/dotnet/host", Path.Combine(ReferenceImage.Runtime, "host"));
            runtime.AddFolder("root/usr/share/dotnet/shared/Microsoft.NETCore.App", Path.Combine(ReferenceImage.Runtime, "shared/Microsoft.NETCore.App"));
            runtime.AddLink("root/usr/bin/dotnet", "/usr/share/dotnet/dotnet");
            runtime.Add("root/bin/busybox", ToolBox.OfThisMachine.Find("busybox")!);
            foreach (string applet in Applets)
            {
                runtime.AddLink($"root/bin/{applet}", "busybox");
            }

            runtime.Build(RuntimeImage, "FROM scratch\nCOPY root /\n");
        }

        using ImageBuilder program = new(TestEngine.Client);
        program.AddFolder("src/Cli/bin/Release/net10.0", Repository.PathOf("src/Cli/bin/Release/net10.0"));
        program.AddFolder("ci", Repository.PathOf("ci"), file => file.EndsWith(".sh", StringComparison.Ordinal));
        program.Build(Image, File.ReadAllText(Repository.PathOf("ci/Containerfile")), ("RUNTIME", RuntimeImage));
    }

    [OneTimeTearDown]
    public void Remove()
    {
        foreach (string image in (string[])[Image, RuntimeImage])
        {
            TestEngine.Client.Images.DeleteImageAsync(image, new ImageDeleteParameters { Force = true }).GetAwaiter().GetResult();
        }
    }

    [Test]
    public void Image_Run_IsVsockspec()
    {
        (long exitCode, string output) = Run(null, "list", "targets");
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("reference").And.Contain("linux-vhost-vsock"));
    }

    /// <summary>As the pods of ci/kubernetes/shards.yaml: no root, nothing writable but what is mounted.</summary>
    [Test]
    public void Image_ShardScript_JudgesTheReference()
    {
        (long exitCode, string output) = Run("/opt/vsockspec/ci/shard.sh", "run", "--target", "reference", "--profile", "core-stream", "--case", "VSC-01*");
        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("Pass").And.Contain("/bundles/shard-1-of-2"));
    }

    private static (long ExitCode, string Output) Run(string? program, params string[] arguments)
    {
        CreateContainerParameters parameters = new()
        {
            Image = Image,
            Cmd = [.. arguments],
            User = "10001:10001",
            Env = ["SHARD_COUNT=2", "SHARD_SEED=1", "SHARD_OUT=/bundles", "JOB_COMPLETION_INDEX=0"],
            HostConfig = new HostConfig
            {
                NetworkMode = "none",
                ReadonlyRootfs = true,
                CapDrop = ["ALL"],
                SecurityOpt = ["no-new-privileges"],
                Tmpfs = new Dictionary<string, string> { ["/tmp"] = "mode=1777", ["/bundles"] = "mode=1777" },
            },
        };
        if (program is not null)
        {
            parameters.Entrypoint = [program];
        }

        string id = TestEngine.Client.Containers.CreateContainerAsync(parameters).GetAwaiter().GetResult().ID;
        try
        {
            TestEngine.Client.Containers.StartContainerAsync(id, new ContainerStartParameters()).GetAwaiter().GetResult();
            long exitCode = TestEngine.Client.Containers.WaitContainerAsync(id).GetAwaiter().GetResult().StatusCode;
            using Docker.DotNet.MultiplexedStream log = TestEngine.Client.Containers
                .GetContainerLogsAsync(id, new ContainerLogsParameters { ShowStdout = true, ShowStderr = true }).GetAwaiter().GetResult();
            (string output, string errors) = log.ReadOutputToEndAsync(CancellationToken.None).GetAwaiter().GetResult();
            return (exitCode, output + errors);
        }
        finally
        {
            TestEngine.Client.Containers.RemoveContainerAsync(id, new ContainerRemoveParameters { Force = true }).GetAwaiter().GetResult();
        }
    }
}
