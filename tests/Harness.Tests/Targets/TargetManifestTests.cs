using NUnit.Framework;
using Vsockspec.Targets;
using Vsockspec.Targets.Containers;

namespace Vsockspec.Harness.Tests.Targets;

public sealed class TargetManifestTests
{
    private const string Head = "name: x\nrole: device\ntransport: vhost-user\n";
    private const string DriverHead = "name: x\nrole: driver\ntransport: vhost-user\n";
    private const string Launch = "launch:\n  command: [prog, \"{socket}\"]\n";
    private const string Container = "container:\n  image: my/backend:1\n  args: [\"{socket}\"]\n";

    [Test]
    public void Load_CompleteLaunch_GivesEveryField()
    {
        using Scratch scratch = new();
        scratch.Write("known.yaml", "");
        TargetManifest manifest = TargetManifest.Load(scratch.Write(
            "m.yaml",
            Head + "version: \"1.2\"\nclaims: [stream, ring_packed, reply_ack]\nexpectations: known.yaml\n"
            + "launch:\n  command: [prog, --socket, \"{socket}\", --dir, \"{dir}\"]\n  env: {LOG: \"{cid}\"}\n  workingDirectory: sub\n  readyTimeoutMs: 1500\n"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(manifest.Name, Is.EqualTo("x"));
            Assert.That(manifest.Version, Is.EqualTo("1.2"));
            Assert.That(manifest.Claims, Is.EqualTo(["stream", "ring_packed", "reply_ack"]));
            Assert.That(manifest.Expectations, Is.EqualTo(Path.Combine(scratch.Path, "known.yaml")));
            Assert.That(manifest.Launch!.Command, Has.Count.EqualTo(5));
            Assert.That(manifest.Launch.Environment["LOG"], Is.EqualTo("{cid}"));
            Assert.That(manifest.Launch.WorkingDirectory, Is.EqualTo(Path.Combine(scratch.Path, "sub")));
            Assert.That(manifest.Launch.ReadyTimeout, Is.EqualTo(TimeSpan.FromMilliseconds(1500)));
            Assert.That(manifest.ToTarget().CanRestart, Is.True);
        }
    }

    [Test]
    public void Load_Attach_PathsStartFromTheManifestsFolder()
    {
        using Scratch scratch = new();
        TargetManifest manifest = TargetManifest.Load(scratch.Write("m.yaml", Head + "attach: {socket: a.sock, uds: /x/v, cid: 42}\n"));

        Assert.That(manifest.Attach, Is.EqualTo(new AttachSpec(Path.Combine(scratch.Path, "a.sock"), "/x/v", 42)));
        Assert.That(manifest.ToTarget().CanRestart, Is.False);
    }

    [Test]
    public void OfCommand_Texts_ComeThroughAsTheyAre()
    {
        string[] command = ["./a b", "\"quoted\": {socket}", "ümlaut ☃ 😀", "# no comment", "back\\slash\ttab"];
        TargetManifest manifest = TargetManifest.OfCommand("x: y", "/place/(command)", command);
        Assert.That(manifest.Name, Is.EqualTo("x: y"));
        Assert.That(manifest.Launch!.Command, Is.EqualTo(command));
        Assert.That(
            () => TargetManifest.OfCommand("x", "/place/(command)", ["prog"]),
            Throws.TypeOf<TargetException>().With.Message.StartsWith("/place/(command):5: field 'launch.command' nowhere says {socket}"));
    }

    [Test]
    public void Load_CompleteContainer_GivesEveryField()
    {
        using Scratch scratch = new();
        TargetManifest manifest = TargetManifest.Load(scratch.Write(
            "m.yaml",
            Head + Container + "  env: {LOG: \"{cid}\"}\n  mounts: [{source: conf, target: /etc/app}, {source: /data, target: /data/, writable: true}]\n  user: \"{user}\"\n"
            + "  writableRoot: true\n  init: true\n  memoryMiB: 64\n  processes: 10\n  readyTimeoutMs: 1500\n"));

        ContainerSpec container = manifest.Container!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(container.Image, Is.EqualTo("my/backend:1"));
            Assert.That(container.Arguments, Is.EqualTo(["{socket}"]));
            Assert.That(container.Environment["LOG"], Is.EqualTo("{cid}"));
            Assert.That(container.Mounts, Is.EqualTo([new ContainerMount(Path.Combine(scratch.Path, "conf"), "/etc/app", false), new ContainerMount("/data", "/data", true)]));
            Assert.That(container.User, Is.EqualTo(ContainerSpec.OwnUser));
            Assert.That((container.WritableRoot, container.HasInit, container.MemoryMiB, container.Processes), Is.EqualTo((true, true, 64, 10)));
            Assert.That(container.ReadyTimeout, Is.EqualTo(TimeSpan.FromMilliseconds(1500)));
            Assert.That(manifest.ToTarget(), Is.TypeOf<ContainerTarget>());
        }
    }

    [TestCase("", ":1: field 'launch' is missing; give 'launch' (how to start the target), 'container' (the image to run) or 'attach'")]
    [TestCase(Container + Launch, ":5: field 'container' stands beside 'launch'; give only one of them")]
    [TestCase("container: {image: a}\n", ":4: field 'container.args' nowhere says {socket}")]
    [TestCase("container: {args: ['{socket}']}\n", ":4: field 'container.image' is missing")]
    [TestCase("container: {image: 'a b', args: ['{socket}']}\n", ":4: field 'container.image' is 'a b'; write it as for docker run")]
    [TestCase("container: {image: --privileged, args: ['{socket}']}\n", ":4: field 'container.image' is '--privileged'")]
    [TestCase("container: {image: a, args: ['{socket}', '{dotnet}']}\n", ":4: field 'container.args' has the unknown placeholder {dotnet}")]
    [TestCase(Container + "  mounts: [{source: a, target: etc}]\n", "field 'container.mounts[0].target' is 'etc'; give the full path")]
    [TestCase(Container + "  mounts: [{source: a, target: /}]\n", "field 'container.mounts[0].target' is '/'")]
    [TestCase(Container + "  mounts: [{source: a, target: /x/../run}]\n", "field 'container.mounts[0].target' is '/run', which hides /run/vsockspec")]
    [TestCase(Container + "  mounts: [{source: a, target: /run/vsockspec/x}]\n", "which hides /run/vsockspec")]
    [TestCase(Container + "  memoryMiB: 1\n", ":7: field 'container.memoryMiB' is '1'; write a whole number from 16")]
    [TestCase(Container + "  network: host\n", ":7: unknown field 'container.network'")]
    public void Load_WrongContainer_NamesFieldAndRemedy(string rest, string problem)
    {
        using Scratch scratch = new();
        TargetException? refused = Assert.Throws<TargetException>(() => TargetManifest.Load(scratch.Write("m.yaml", Head + rest)));
        Assert.That(refused!.Message, Does.Contain(problem));
        Assert.That(refused.IsManifestError, Is.True);
    }

    [Test]
    public void Load_Guest_GivesEveryField()
    {
        using Scratch scratch = new();
        TargetManifest manifest = TargetManifest.Load(scratch.Write(
            "m.yaml",
            Head + Launch
            + "guest:\n  command: [vmm, \"{kernel}\", \"{initramfs}\", \"quiet {cmdline}\", \"{console}\"]\n  env: {CID: \"{cid}\"}\n  kernel: debian:6.1\n"
            + "  modules: [virtio_pci]\n  console: {line: connect, terminal: /dev/hvc0}\n  bootTimeoutMs: 9000\n"));

        GuestSpec guest = manifest.Guest!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(guest.Command, Has.Count.EqualTo(5));
            Assert.That(guest.Environment["CID"], Is.EqualTo("{cid}"));
            Assert.That(guest.Kernel, Is.EqualTo("debian:6.1"));
            Assert.That(guest.Modules, Is.EqualTo(["virtio_pci"]));
            Assert.That((guest.Line, guest.Terminal), Is.EqualTo((ConsoleLine.Connect, "/dev/hvc0")));
            Assert.That(guest.BootLimit, Is.EqualTo(TimeSpan.FromSeconds(9)));
        }
    }

    [TestCase("{kernel: uml}", false, true)]
    [TestCase("{kernel: 'debian:6.12'}", false, true)]
    [TestCase("{command: [vmm, '{kernel}', '{initramfs}', '{cmdline}', '{socket}'], console: {line: stdio, terminal: /dev/ttyS0}}", true, true)]
    [TestCase("{command: [rtos, '{socket}', '{console}'], console: {line: listen}}", true, false)]
    public void Load_Driver_SaysWhatBootsIt(string guest, bool hasCommand, bool bootsOurs)
    {
        using Scratch scratch = new();
        TargetManifest manifest = TargetManifest.Load(scratch.Write("m.yaml", $"{DriverHead}guest: {guest}\n"));
        Assert.That((manifest.Role, manifest.Guest!.HasCommand, manifest.Guest.BootsOurs), Is.EqualTo((TargetRole.Driver, hasCommand, bootsOurs)));
        Assert.That(manifest.ToTarget, Throws.TypeOf<TargetException>().With.Message.Contains("is a driver, and a device is asked for"));
    }

    [TestCase("", ":1: field 'guest' is missing; say what boots the driver that is judged")]
    [TestCase("guest: {kernel: uml}\n" + Launch, ":6: field 'launch' goes with role device only")]
    [TestCase("guest: {kernel: uml}\nattach: {socket: a, uds: b, cid: 3}\n", ":5: field 'attach' goes with role device only")]
    [TestCase("guest: {kernel: uml, modules: [a]}\n", ":4: unknown field 'guest.modules'")]
    [TestCase("guest: {command: [rtos, '{console}'], console: {line: listen}}\n", ":4: field 'guest.command' nowhere says {socket}")]
    [TestCase("guest: {command: [vmm, '{kernel}', '{socket}', '{console}'], console: {line: listen, terminal: /dev/hvc0}}\n", ":4: field 'guest.command' nowhere says {initramfs}")]
    public void Load_WrongDriver_NamesFieldAndRemedy(string rest, string problem)
    {
        using Scratch scratch = new();
        TargetException? refused = Assert.Throws<TargetException>(() => TargetManifest.Load(scratch.Write("m.yaml", DriverHead + rest)));
        Assert.That(refused!.Message, Does.Contain(problem));
        Assert.That(refused.IsManifestError, Is.True);
    }

    [Test]
    public void Find_GuestTarget_IsItsManifest()
    {
        string suites = SuiteData.Folder;
        Assert.That(BuiltInTargets.Names(suites), Does.Contain("guest:uml").And.Contain("guest:debian-6.12").And.Contain("reference-driver"));
        foreach (string name in BuiltInTargets.Names(suites))
        {
            Assert.That(BuiltInTargets.Find(name, suites).Name, Is.EqualTo(name));
        }
    }

    [TestCase("{command: [vmm]}", "field 'guest.console' is missing; say how the agent's line is reached")]
    [TestCase("{command: [], console: {line: stdio, terminal: /dev/ttyS0}}", "field 'guest.command' is empty")]
    [TestCase("{command: [vmm], console: {line: stdio, terminal: /dev/ttyS0}}", "field 'guest.command' nowhere says {kernel}")]
    [TestCase("{command: ['{kernel}{initramfs}{cmdline}'], console: {line: listen, terminal: /dev/ttyS0}}", "field 'guest.command' nowhere says {console}")]
    [TestCase("{command: ['{kernel}{initramfs}{cmdline}{uds}'], console: {line: stdio, terminal: /dev/ttyS0}}", "has the unknown placeholder {uds}")]
    [TestCase("{command: ['{kernel}{initramfs}{cmdline}'], console: {line: pipe, terminal: /dev/ttyS0}}", "field 'guest.console.line' is 'pipe'; write listen, connect or stdio")]
    [TestCase("{command: ['{kernel}{initramfs}{cmdline}'], console: {line: stdio, terminal: ttyS0}}", "field 'guest.console.terminal' is 'ttyS0'; give the terminal of the guest")]
    [TestCase("{command: ['{kernel}{initramfs}{cmdline}'], console: {line: stdio, terminal: /dev/ttyS0}, bootTimeoutMs: 1}", "field 'guest.bootTimeoutMs' is '1'; write a whole number from 100 to 600000")]
    public void Load_WrongGuest_NamesFieldAndRemedy(string guest, string problem)
    {
        using Scratch scratch = new();
        TargetException? refused = Assert.Throws<TargetException>(() => TargetManifest.Load(scratch.Write("m.yaml", $"{Head}{Launch}guest: {guest}\n")));
        Assert.That(refused!.Message, Does.Contain(problem).And.Contain("m.yaml:6:"));
        Assert.That(refused.IsManifestError, Is.True);
    }

    [TestCase(Head + Launch + "claim: [stream]\n", ":6: unknown field 'claim' (did you mean 'claims'?)")]
    [TestCase(Head + "launch:\n  comand: [prog]\n", ":5: unknown field 'launch.comand' (did you mean 'command'?)")]
    [TestCase(Head + "launch:\n  command: prog\n", ":5: field 'launch.command' must be a list")]
    [TestCase(Head + "launch:\n  command: []\n", ":5: field 'launch.command' is empty")]
    [TestCase(Head + "launch:\n  command: [prog]\n", ":5: field 'launch.command' nowhere says {socket}")]
    [TestCase(Head + "launch:\n  command: [prog, \"{sock}\", \"{socket}\"]\n", ":5: field 'launch.command' has the unknown placeholder {sock}")]
    [TestCase(Head + "launch:\n  command: [prog, \"{socket}\"]\n  readyTimeoutMs: soon\n", ":6: field 'launch.readyTimeoutMs' is 'soon'; write a whole number")]
    [TestCase(Head + "launch:\n  command: [prog, \"{socket}\"]\n  env: [a]\n", ":6: field 'launch.env' must have fields of its own")]
    [TestCase(Head + Launch + "attach: {socket: a, uds: b, cid: 3}\n", ":6: field 'attach' stands beside 'launch'")]
    [TestCase(Head, ":1: field 'launch' is missing; give 'launch'")]
    [TestCase(Head + "attach: {socket: a, uds: b}\n", ":4: field 'attach.cid' is missing")]
    [TestCase(Head + "attach: {socket: a, uds: b, cid: 2}\n", ":4: field 'attach.cid' is '2'; write a whole number from 3")]
    [TestCase("role: device\ntransport: vhost-user\n" + Launch, ":1: field 'name' is missing")]
    [TestCase("name: x\nrole: host\ntransport: vhost-user\n" + Launch, ":2: field 'role' is 'host'")]
    [TestCase("name: x\nrole: device\ntransport: pci\n" + Launch, ":3: field 'transport' is 'pci'")]
    [TestCase("name: x\nrole: device\ntransport: vhost-kernel\n", ":1: field 'device' is missing; name the device node")]
    [TestCase("name: x\nrole: device\ntransport: vhost-kernel\ndevice: vhost-vsock\n", ":4: field 'device' is 'vhost-vsock'; give the full path")]
    [TestCase("name: x\nrole: device\ntransport: vhost-kernel\n" + Container, ":5: field 'container' does not go with transport vhost-kernel")]
    [TestCase("name: x\nrole: device\ntransport: vhost-kernel\n" + Launch, ":5: field 'launch' does not go with transport vhost-kernel")]
    [TestCase(Head + Launch + "device: /dev/vhost-vsock\n", ":6: field 'device' goes with transport vhost-kernel only")]
    [TestCase(Head + Launch + "claims: [streem]\n", ":6: field 'claims' has the unknown feature 'streem' (did you mean 'stream'?)")]
    [TestCase(Head + Launch + "expectations: none.yaml\n", ":6: field 'expectations' names a file that does not exist")]
    [TestCase(Head + Launch + "name: y\n", "not valid YAML")]
    [TestCase("name: [\n", "not valid YAML")]
    [TestCase("- a\n", ":1: expected fields")]
    [TestCase("", "expected one YAML document")]
    [TestCase("name: &a x\nversion: *a\n", ":2: aliases")]
    [TestCase("name: [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]\n", "nested deeper")]
    public void Load_WrongFile_NamesFileLineFieldAndRemedy(string yaml, string message)
    {
        using Scratch scratch = new();
        string file = scratch.Write("m.yaml", yaml);

        TargetException? e = Assert.Throws<TargetException>(() => TargetManifest.Load(file));

        Assert.That(e!.Message, Does.StartWith(file).And.Contain(message));
        Assert.That(e.IsManifestError, Is.True);
    }

    [Test]
    public void Start_KernelWithoutTheDevice_RefusesAndNamesTheLab()
    {
        using Scratch scratch = new();
        TargetManifest manifest = TargetManifest.Load(scratch.Write("m.yaml", "name: x\nrole: device\ntransport: vhost-kernel\ndevice: /dev/no-such-vhost\n"));
        TargetException? e = Assert.Throws<TargetException>(() => manifest.ToTarget().Start(new TargetPlace(scratch.Path, 3), CancellationToken.None));
        Assert.That(e!.IsManifestError);
        Assert.That(e.Message, Does.Contain("field 'device': /dev/no-such-vhost does not exist").And.Contain("vsockspec run --target linux-vhost-vsock --lab"));
    }

    [Test]
    public void Start_NodeThatIsNoVhostDevice_SaysSo()
    {
        using Scratch scratch = new();
        TargetManifest manifest = TargetManifest.Load(scratch.Write("m.yaml", "name: x\nrole: device\ntransport: vhost-kernel\ndevice: /dev/null\n"));
        Assert.That(
            () => manifest.ToTarget().Start(new TargetPlace(scratch.Path, 3), CancellationToken.None),
            Throws.TypeOf<TargetException>().With.Message.Contains("/dev/null is not a vhost-vsock device"));
    }

    [Test]
    public void Load_NoSuchFile_SaysSo() =>
        Assert.That(() => TargetManifest.Load("/nowhere/m.yaml"), Throws.TypeOf<TargetException>().With.Message.EqualTo("/nowhere/m.yaml: no such file"));

    [Test]
    public void Load_NotText_SaysSo()
    {
        using Scratch scratch = new();
        string file = Path.Combine(scratch.Path, "m.yaml");
        File.WriteAllBytes(file, [(byte)'a', 0x80]);
        Assert.That(() => TargetManifest.Load(file), Throws.TypeOf<TargetException>().With.Message.Contains("is not UTF-8 text"));
    }

    [Test]
    public void Find_MisspeltName_OffersTheNearest() =>
        Assert.That(
            () => BuiltInTargets.Find("referense", SuiteData.Folder),
            Throws.TypeOf<TargetException>().With.Message.Contains("unknown target 'referense' (did you mean 'reference'?)"));

    [Test]
    public void Find_Reference_IsLaunchedWithThisDotNet() =>
        Assert.That(BuiltInTargets.Find("reference", SuiteData.Folder).Launch!.Command[0], Is.EqualTo("{dotnet}"));
}
