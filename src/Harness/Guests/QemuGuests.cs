namespace Vsockspec.Guests;

/// <summary>Guests in QEMU. Kernel, agent and image are made once, when the first guest is asked for.</summary>
/// <param name="kernels">Opens the cache of kernels.</param>
/// <param name="kernelName">As <see cref="KernelStore"/> takes it.</param>
/// <param name="options">How the machines are to be; the device is that of each boot.</param>
/// <param name="programs">Further programs that guests have; null: none.</param>
public sealed class QemuGuests(Func<KernelStore> kernels, string kernelName, QemuOptions options, Action<string> progress, IReadOnlyList<GuestFile>? programs = null)
    : IGuestSource
{
    private readonly Lock _gate = new();
    private (QemuLauncher Launcher, GuestKernel Kernel, GuestImage Image)? _made;

    /// <summary>The kernel's.</summary>
    public string Name => kernelName;

    public bool CanRestart => true;

    public Guest Boot(GuestVsock device, CancellationToken cancellation) => Start(options with { Device = device }, cancellation);

    public Guest BootRestartable(GuestVsock device, CancellationToken cancellation) => Start(options with { Device = device, MayRestart = true }, cancellation);

    private Guest Start(QemuOptions wanted, CancellationToken cancellation)
    {
        (QemuLauncher launcher, GuestKernel kernel, GuestImage image) = Make(cancellation);
        return launcher.Start(kernel, image, wanted, cancellation);
    }

    private (QemuLauncher Launcher, GuestKernel Kernel, GuestImage Image) Make(CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_made is null)
            {
                QemuLauncher launcher = QemuLauncher.OfThisMachine(ToolBox.OfThisMachine);
                GuestKernel kernel = kernels().Fetch(kernelName, progress, cancellation);
                string agent = AgentProgram.Find(GuestCache.Agents(), progress, cancellation);
                _made = (launcher, kernel, GuestImage.Build(kernel, agent, null, cancellation, QemuLauncher.Modules(options.Machine), programs));
            }

            return _made.Value;
        }
    }
}
