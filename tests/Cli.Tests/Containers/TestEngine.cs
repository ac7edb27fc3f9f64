using Docker.DotNet;
using Docker.DotNet.Models;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Targets;
using Vsockspec.Targets.Containers;

namespace Vsockspec.Cli.Tests.Containers;

/// <summary>
/// The container engine of the tests of this namespace: the one that DOCKER_HOST names, or one of our own that lives in a temporary folder and a mount namespace,
/// and of which nothing stays. Where there is none: an error in CI, a skip with the reason elsewhere.
/// </summary>
[SetUpFixture]
public sealed class TestEngine
{
    private const string HostVariable = "DOCKER_HOST";

    /// <summary>The daemon keeps a key, plugins and sockets outside the folders that it is given; here they vanish with its namespace.</summary>
    private const string InNamespace = "for place in /etc/docker /run/docker /run/containerd; do mount -t tmpfs none $place || exit; done; exec \"$@\"";

    private static readonly string[] Places = ["/etc/docker", "/run/docker", "/run/containerd"];

    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);
    private static readonly string[] Programs = ["unshare", "dockerd", "containerd", "runc"];

    private readonly List<string> _made = [];
    private InstanceFolder? _folder;
    private TargetProcess? _daemon;

    /// <summary>The reference back end, in an image of its own.</summary>
    public static string Image { get; } = $"vsockspec-reference:{Guid.NewGuid():N}";

    internal static ContainerEngine Engine => ContainerEngine.OfThisMachine();

    internal static IDockerClient Client => Engine.Client;

    [OneTimeSetUp]
    public void Start()
    {
        if (Environment.GetEnvironmentVariable(HostVariable) is null)
        {
            StartDaemon();
        }

        ReferenceImage.Build(Client, Image);
    }

    [OneTimeTearDown]
    public void Stop()
    {
        if (_daemon is null)
        {
            Client.Images.DeleteImageAsync(Image, new ImageDeleteParameters { Force = true }).GetAwaiter().GetResult();
            return;
        }

        Environment.SetEnvironmentVariable(HostVariable, null);
        _daemon.Dispose();
        _made.ForEach(Directory.Delete);
        foreach (string group in Directory.EnumerateDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup").Select(c => c + CgroupParent).Where(Directory.Exists))
        {
            Directory.Delete(group);
        }

        _folder!.Dispose();
    }

    /// <summary>Names of the containers of vsockspec that exist.</summary>
    internal static IReadOnlyList<string> Containers() =>
        [.. Client.Containers.ListContainersAsync(new ContainersListParameters { All = true }).GetAwaiter().GetResult().SelectMany(c => c.Names).Where(n => n.StartsWith("/vsockspec-", StringComparison.Ordinal))];

    private string CgroupParent => "/" + Path.GetFileName(_folder!.Path);

    private void StartDaemon()
    {
        string[] missing =
        [
            .. Programs.Where(p => ToolBox.OfThisMachine.Find(p) is null),
            .. Environment.IsPrivilegedProcess ? Array.Empty<string>() : ["root"],
        ];
        if (missing.Length > 0)
        {
            string text = $"no container engine can be started without {string.Join(", ", missing)}; run ci/setup.sh, or set {HostVariable}";
            if (Environment.GetEnvironmentVariable("CI") == "true")
            {
                Assert.Fail(text);
            }

            Assert.Ignore(text);
        }

        _folder = InstanceFolder.Create();
        foreach (string place in Places.Where(p => !Directory.Exists(p)))
        {
            _made.Add(Directory.CreateDirectory(place).FullName);
        }

        string socket = Path.Combine(_folder.Path, "engine.sock");
        _daemon = TargetProcess.Start(
            [
                ToolBox.OfThisMachine.Find("unshare")!, "--mount", "--propagation", "private", "/bin/sh", "-c", InNamespace, "sh",
                ToolBox.OfThisMachine.Find("dockerd")!, "--iptables=false", "--bridge=none", "--storage-driver=vfs", $"--cgroup-parent={CgroupParent}",
                $"--data-root={_folder.Path}/data", $"--exec-root={_folder.Path}/exec", $"--pidfile={_folder.Path}/pid", $"--host=unix://{socket}",
            ],
            new Dictionary<string, string>(),
            _folder.Path);
        _daemon.Grace = TimeSpan.FromSeconds(20);
        if (!SpinWait.SpinUntil(() => _daemon.HasExited || (File.Exists(socket) && UnixSockets.AcceptsConnection(socket)), StartPatience) || _daemon.HasExited)
        {
            Assert.Fail($"the container engine does not start:\n{string.Join('\n', _daemon.LastLines)}");
        }

        Environment.SetEnvironmentVariable(HostVariable, "unix://" + socket);
    }
}
