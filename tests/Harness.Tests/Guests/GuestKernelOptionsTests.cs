using NUnit.Framework;
using Vsockspec.Guests;

namespace Vsockspec.Harness.Tests.Guests;

public sealed class GuestKernelOptionsTests
{
    private const string Release = "6.1.0";

    [Test]
    public void Require_BuiltInAndModule_Passes()
    {
        using FakeDebian debian = new();
        Assert.That(
            () => GuestKernelOptions.Require(Kernel(debian), [("CONFIG_VSOCKETS", "sockets"), ("CONFIG_VHOST_VSOCK", "the device")]),
            Throws.Nothing);
    }

    [Test]
    public void Require_Missing_NamesKernelOptionsAndUse()
    {
        using FakeDebian debian = new();
        Assert.That(
            () => GuestKernelOptions.Require(Kernel(debian), [("CONFIG_KVM", "nesting"), ("CONFIG_VSOCKETS", "sockets"), ("CONFIG_NONE", "nothing")]),
            Throws.TypeOf<KernelException>()
                .With.Message.Contains("(6.1.0) lacks CONFIG_KVM, needed for nesting; CONFIG_NONE, needed for nothing; choose"));
    }

    [Test]
    public void Require_ModuleOfAKernelWithoutModules_IsMissing()
    {
        using FakeDebian debian = new();
        Assert.That(
            () => GuestKernelOptions.Require(Kernel(debian) with { ModulesFolder = null }, [("CONFIG_VHOST_VSOCK", "the device")]),
            Throws.TypeOf<KernelException>()
                .With.Message.Contains("CONFIG_VHOST_VSOCK (it is a module, and the kernel came without modules), needed for the device"));
    }

    [Test]
    public void Require_KernelWithoutConfiguration_Passes()
    {
        using FakeDebian debian = new();
        Assert.That(() => GuestKernelOptions.Require(Kernel(debian) with { ConfigFile = null }, [("CONFIG_NONE", "nothing")]), Throws.Nothing);
    }

    private static GuestKernel Kernel(FakeDebian debian) => debian.Store().Find(FakeDebian.WriteKernel(debian.PathOf("k"), Release))!;
}
