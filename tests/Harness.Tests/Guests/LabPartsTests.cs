using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Harness.Tests.Targets;
using Vsockspec.Interop;

namespace Vsockspec.Harness.Tests.Guests;

/// <summary>What a lab is made of, without a machine.</summary>
public sealed class LabPartsTests
{
    private static readonly LabTools Tools = new("/q/qemu", "/v/virtiofsd", "/b/busybox");

    private static readonly LabPlan Plan = new()
    {
        Kernel = new GuestKernel("debian:6.12", "6.12.1-cloud-amd64", "/k/vmlinuz", null, null, "6.12.1-1", "sha256:" + new string('0', 64)),
        Command = ["dotnet", "/a b/vsockspec.dll", "run", "--case", "it's $HOME"],
        WorkingFolder = "/w,x",
        WritableFolders = ["/w,x", "/out"],
        Environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["PATH"] = "/bin", ["A"] = "x'y\nz", ["BASH_FUNC_f%%"] = "() { :; }", ["1"] = "" },
    };

    [Test]
    public void CommandLine_OfTheMachine_HasMemoryToShareAndNoVsockDevice()
    {
        string line = string.Join(' ', LabMachine.CommandLine(Plan, Tools, "/tmp/i", name => $"/tmp/s/{name}", [41, 42, 43]));

        Assert.That(line, Does.StartWith("/q/qemu -nodefaults -no-user-config -no-reboot -display none -machine q35,memory-backend=memory -accel tcg,thread=multi -cpu max,+svm -smp 2 -m 2048"));
        Assert.That(line, Does.Contain("-object memory-backend-memfd,id=memory,size=2048M,share=on -kernel /k/vmlinuz -initrd /tmp/i"));
        Assert.That(line, Does.Contain("panic=-1 oops=panic"));
        Assert.That(line, Does.Contain("vhost-user-fs-pci,queue-size=1024,chardev=fs-root,tag=root").And.Contain("socket,id=fs-share0,fd=42 ").And.Contain("tag=share0").And.Contain("tag=share1"));
        Assert.That(line, Does.Contain("virtserialport,chardev=output,name=output").And.Contain("name=errors").And.Contain("name=control"));
        Assert.That(line, Does.Not.Contain("vsock"));
    }

    [Test]
    public void CommandLine_WithKvm_UsesTheHostsProcessor() => Assert.That(
        LabMachine.CommandLine(Plan with { Accelerator = LabAccelerator.Kvm }, Tools, "/i", n => n, [3, 4, 5]),
        Is.SupersetOf(new[] { "kvm", "host" }).And.None.Contains("tcg"));

    [Test]
    public void CommandLine_PathsWithCommas_AreEscaped()
    {
        string line = string.Join(' ', LabMachine.CommandLine(Plan with { ConsoleFile = "/c,d/log" }, Tools, "/i", n => $"/t,u/{n}", [3, 4, 5]));

        Assert.That(line, Does.Contain("socket,id=console,path=/t,,u/console,logfile=/c,,d/log,logappend=on"));
    }

    [Test]
    public void CommandLine_OfAShare_HasItsFolder() =>
        Assert.That(
            string.Join(' ', FolderShare.CommandLine(Tools, "/w,x", 77)),
            Is.EqualTo(@"/v/virtiofsd --fd=77 -o source=/w\,x -o cache=always -o sandbox=chroot"));

    [Test]
    public void Settings_InARealShell_AreWhatWasMeant()
    {
        using Scratch scratch = new();
        string folder = Directory.CreateDirectory(Path.Combine(scratch.Path, "w,x 'y'")).FullName;
        string settings = Path.Combine(scratch.Path, "settings");
        File.WriteAllText(settings, LabInitramfs.Settings(Plan with { WorkingFolder = folder }));
        ToolOutput output = ToolBox.Run(
            "/bin/sh", ["-c", $". {LabInitramfs.Quote(settings)}; printf '%s|' \"$PWD\" \"$A\" \"$@\""], null, 4096, TimeSpan.FromSeconds(10), CancellationToken.None);

        Assert.That(output.Errors, Is.Empty);
        Assert.That(output.Text, Is.EqualTo($"{folder}|x'y\nz|dotnet|/a b/vsockspec.dll|run|--case|it's $HOME|"));
    }

    [Test]
    public void Tools_Missing_AreAllNamedWithTheCommandThatInstallsThem()
    {
        using Scratch scratch = new();
        LabException error = Assert.Throws<LabException>(() => LabTools.Find(new ToolBox([scratch.Path])))!;

        Assert.That(error.Message, Does.StartWith("the lab needs qemu-system-x86_64 (").And.Contain("busybox (").And.Contain("are not on this machine; install: "));
        Assert.That(error.Message, Does.Contain("sudo apt-get install -y --no-install-recommends qemu-system-x86 ").And.Contain("busybox-static"));
    }

    [Test]
    public void Panic_AfterABug_IsToldFromTheBugOn()
    {
        string[] console =
        [
            "[    1.000000] Linux version 6.12",
            "[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000000",
            "[   12.345680] #PF: supervisor read access in kernel mode",
            "[   12.345690][  T812] Call Trace:",
            "[   12.345700]  vhost_vsock_handle_tx_kick+0x1/0x2 [vhost_vsock]",
            "[   12.345710] Kernel panic - not syncing: Fatal exception",
            "[   12.345720] Kernel Offset: 0x1000000",
            "[   12.345730] ---[ end Kernel panic - not syncing: Fatal exception ]---",
            "[   12.345740] something later",
        ];

        string panic = ConsoleText.Panic(console)!;
        Assert.That(panic, Does.StartWith("BUG: kernel NULL pointer dereference").And.EndWith("---[ end Kernel panic - not syncing: Fatal exception ]---"));
        Assert.That(panic, Does.Not.Contain("[   12").And.Contain("\nCall Trace:\n"));
    }

    [Test]
    public void Panic_Alone_IsToldToTheEnd()
    {
        Assert.That(ConsoleText.Panic(["[ 1.0] x", "[    1.1] Kernel panic - not syncing: VFS", "[    1.2] Rebooting"]), Is.EqualTo("Kernel panic - not syncing: VFS\nRebooting"));
        Assert.That(ConsoleText.Panic(["[    1.0] all is well"]), Is.Null);
        Assert.That(ConsoleText.Panic([]), Is.Null);
    }

    [Test]
    public async Task Control_UpAndExit_AreHeardAndNoiseIsNot()
    {
        (Stream ours, Stream theirs) = Pair();
        using (ours)
        using (theirs)
        {
            LabControl control = new(ours);
            await theirs.WriteAsync(Encoding.ASCII.GetBytes($"{new string('x', 100_000)}\nexit 256\nexit -1\nexit\nu"));
            await theirs.WriteAsync("p\n"u8.ToArray());
            await control.Started.WaitAsync(TimeSpan.FromSeconds(10));
            Assert.That(control.IsUp);
            Assert.That(control.Exited.IsCompleted, Is.False);
            control.Stop();
            byte[] word = new byte[5];
            await theirs.ReadExactlyAsync(word);
            await theirs.WriteAsync("exit 143\n"u8.ToArray());
            await control.Exited.WaitAsync(TimeSpan.FromSeconds(10));

            Assert.That(Encoding.ASCII.GetString(word), Is.EqualTo("stop\n"));
            Assert.That(control.ExitCode, Is.EqualTo(143));
        }
    }

    [Test]
    public async Task Control_MachineThatEnds_IsNeitherUpNorExited()
    {
        (Stream ours, Stream theirs) = Pair();
        using (ours)
        {
            LabControl control = new(ours);
            await theirs.DisposeAsync();
            await control.Exited.WaitAsync(TimeSpan.FromSeconds(10));

            Assert.That(control.IsUp, Is.False);
            Assert.That(control.ExitCode, Is.Null);
        }
    }

    [Test]
    public void KvmProof_IsKeptUntilTheMachineBootsAnew()
    {
        using Scratch scratch = new();
        string folder = Path.Combine(scratch.Path, "kvm");
        KvmProof proof = new(folder, "boot-1");

        Assert.That(proof.Known(Plan.Kernel), Is.Null);
        proof.Keep(Plan.Kernel, boots: false);
        Assert.That(proof.Known(Plan.Kernel), Is.False);
        proof.Keep(Plan.Kernel, boots: true);
        Assert.That(proof.Known(Plan.Kernel), Is.True);
        Assert.That(new KvmProof(folder, "boot-2").Known(Plan.Kernel), Is.Null);
        Assert.That(proof.Known(Plan.Kernel with { Digest = "sha256:1" }), Is.Null);
        File.WriteAllText(Directory.GetFiles(folder).Single(), "boot-1\nperhaps\n");
        Assert.That(proof.Known(Plan.Kernel), Is.Null);
    }

    [Test]
    public void Inheritance_WhileItLives_PassesTheDescriptorOn()
    {
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        string look;
        string after;
        using (Inheritance inherited = new(socket.SafeHandle))
        {
            look = $"[ -e /proc/self/fd/{inherited.Fd} ] && echo there";
            Assert.That(Shell(look), Is.EqualTo("there"));
        }

        after = Shell(look);
        Assert.That(after, Is.Empty);
    }

    private static string Shell(string script)
    {
        using Process process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", script]) { RedirectStandardOutput = true })!;
        return process.StandardOutput.ReadToEnd().Trim();
    }

    private static (Stream Ours, Stream Theirs) Pair()
    {
        using Scratch scratch = new();
        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        UnixDomainSocketEndPoint place = new(Path.Combine(scratch.Path, "s"));
        listener.Bind(place);
        listener.Listen(1);
        Socket theirs = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        theirs.Connect(place);
        return (new NetworkStream(listener.Accept(), ownsSocket: true), new NetworkStream(theirs, ownsSocket: true));
    }
}
