using System.Numerics;
using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>Feature bits and configuration space (virtio 1.4 sections 2.2, 2.5, 5.10.3, 5.10.4 and 6).</summary>
[Area("features")]
public static class FeatureCases
{
    private const int MaxSubsets = 64;

    [Case("VSC-1101", "VS-FEAT-DEV-1", "B-64", Title = "The device offers NO_IMPLIED_STREAM")]
    public static void Offer_NoImpliedStream_IsThere(CaseContext c)
    {
        VirtioFeatures offered = c.Facts.OfferedFeatures;
        c.Record("features.offered", $"0x{(ulong)offered:x}");
        CaseContext.Require(
            offered.HasFlag(VirtioFeatures.NoImpliedStream),
            "no-implied-stream-not-offered",
            "feature bit 2 (NO_IMPLIED_STREAM)",
            $"offered 0x{(ulong)offered:x}");
    }

    [Case("VSC-1102", "VS-FEAT-DEV-2", Title = "With none of bits 0 to 2 accepted, stream sockets work", Vary = Vary.Layouts)]
    public static void Accept_NoSocketType_StreamWorks(CaseContext c)
    {
        c.Start(o => o with { Features = o.Features & ~VirtioFeatures.DeviceType });
        Exchange.Echo(c);
    }

    [Case("VSC-1103", "VS-X-43", "B-10", Title = "Without SEQPACKET accepted, a seqpacket REQUEST is refused with RST")]
    public static void Request_SeqpacketNotAccepted_IsRefused(CaseContext c)
    {
        RawDriver driver = c.Start(o => o with { Features = o.Features & ~VirtioFeatures.DeviceType });
        using HostListener listener = c.Listen(SocketType.Seqpacket);
        Flow flow = driver.NewFlow(listener.Port, SocketType.Seqpacket);
        flow.Send(Op.Request);
        flow.Expect("seqpacket-not-refused", Op.Rst);
        c.Fence();
        CaseContext.Require(listener.TryAccept() is null, "seqpacket-reached-host", "no connection at the host application", "a connection");
    }

    [Case("VSC-1104", "VS-FEAT-DEV-3", Title = "With SEQPACKET alone accepted, stream may work or be refused", Probe = true, Needs = VirtioFeatures.Seqpacket)]
    public static void Request_StreamWithSeqpacketOnly_IsAnswered(CaseContext c)
    {
        RawDriver driver = c.Start(o => o with { Features = (o.Features & ~VirtioFeatures.DeviceType) | VirtioFeatures.Seqpacket });
        using HostListener listener = c.Listen();
        Flow flow = driver.NewFlow(listener.Port);
        flow.Send(Op.Request);
        c.Record("features.seqpacket_alone_implies_stream", flow.Expect("no-answer", Op.Response, Op.Rst).Op == Op.Response);
    }

    [Case("VSC-1105", "FE-01", Title = "The device offers VERSION_1")]
    public static void Offer_Version1_IsThere(CaseContext c) => CaseContext.Require(
        c.Facts.OfferedFeatures.HasFlag(VirtioFeatures.Version1),
        "version-1-not-offered",
        "feature bit 32 (VERSION_1)",
        $"offered 0x{(ulong)c.Facts.OfferedFeatures:x}");

    [Case("VSC-1106", "FE-02", Title = "A driver that does not accept VERSION_1 may be refused, without harm", Probe = true)]
    public static void Accept_WithoutVersion1_DoesNoHarm(CaseContext c)
    {
        using (VhostUserFrontEnd device = c.Connect())
        {
            device.Negotiate();
            try
            {
                device.SetFeatures(VirtioFeatures.VhostUserProtocolFeatures);
                device.Flush();
                c.Record("features.without_version_1", "accepted");
            }
            catch (TransportException e) when (e.Fault is TransportFault.Refused or TransportFault.Closed)
            {
                c.Record("features.without_version_1", e.Fault.ToString());
            }
        }

        c.Fence();
    }

    [Case("VSC-1107", "FE-04", Title = "Only defined feature bits are offered")]
    public static void Offer_UndefinedBits_AreNotThere(CaseContext c)
    {
        const VirtioFeatures Legacy = VirtioFeatures.NotifyOnEmpty | VirtioFeatures.AnyLayout;
        const VirtioFeatures Defined =
            VirtioFeatures.DeviceType | Legacy | VirtioFeatures.VhostLogAll | VirtioFeatures.IndirectDesc | VirtioFeatures.EventIdx |
            VirtioFeatures.VhostUserProtocolFeatures | VirtioFeatures.Version1 | VirtioFeatures.AccessPlatform | VirtioFeatures.RingPacked |
            VirtioFeatures.InOrder | VirtioFeatures.OrderPlatform | VirtioFeatures.SrIov | VirtioFeatures.NotificationData |
            VirtioFeatures.NotifConfigData | VirtioFeatures.RingReset | VirtioFeatures.Suspend;
        VirtioFeatures offered = c.Facts.OfferedFeatures;
        c.Record("features.legacy_bits_offered", (offered & Legacy) != 0);
        CaseContext.Require(
            (offered & ~Defined) == 0,
            "undefined-bits-offered",
            "no bit that is undefined, reserved or of another device",
            $"undefined bits 0x{(ulong)(offered & ~Defined):x} in 0x{(ulong)offered:x}");
    }

    [Case("VSC-1108", "FE-05", Title = "Every subset of the offered features is accepted and works, or is refused visibly", Slow = true)]
    public static void Accept_AnySubset_WorksOrIsRefused(CaseContext c)
    {
        const VirtioFeatures Optional =
            VirtioFeatures.DeviceType | VirtioFeatures.IndirectDesc | VirtioFeatures.EventIdx | VirtioFeatures.RingPacked | VirtioFeatures.InOrder;
        ulong optional = (ulong)(c.Facts.OfferedFeatures & Optional);
        int bits = BitOperations.PopCount(optional);
        int all = 1 << bits;
        int refused = 0;
        foreach (int choice in all <= MaxSubsets ? Enumerable.Range(0, all) : Enumerable.Range(0, MaxSubsets).Select(_ => c.Random.Next(all)))
        {
            VirtioFeatures features = VirtioFeatures.Version1 | (VirtioFeatures)Scatter((uint)choice, optional);
            try
            {
                c.Start(o => o with { Features = features, IndirectChains = features.HasFlag(VirtioFeatures.IndirectDesc) });
            }
            catch (TransportException e) when (e.Fault is TransportFault.Refused or TransportFault.Closed)
            {
                refused++;
                continue;
            }

            bool streamInForce = features.HasFlag(VirtioFeatures.Stream) || (features & (VirtioFeatures.Seqpacket | VirtioFeatures.NoImpliedStream)) == 0;
            if (streamInForce)
            {
                Exchange.Echo(c);
            }
            else if (features.HasFlag(VirtioFeatures.Seqpacket))
            {
                Exchange.Echo(c, SocketType.Seqpacket);
            }

            c.Stop();
        }

        c.Record("features.subsets_refused", $"{refused} of {Math.Min(all, MaxSubsets)}");
    }

    [Case("VSC-1109", "FE-05", Title = "Features that were not offered are refused, or ignored and do no harm")]
    public static void Accept_BitNotOffered_IsRefusedOrIgnored(CaseContext c)
    {
        const VirtioFeatures Undefined = (VirtioFeatures)(1UL << 50);
        try
        {
            c.Start(o => o with { Features = o.Features | Undefined });
            c.Record("features.unoffered_bit", "ignored");
        }
        catch (TransportException e) when (e.Fault is TransportFault.Refused or TransportFault.Closed)
        {
            c.Record("features.unoffered_bit", e.Fault.ToString());
        }

        if (c.HasSession)
        {
            Exchange.Echo(c);
            c.Stop();
        }

        c.Fence();
    }

    [Case("VSC-1110", "CF-01", Title = "Configuration space can be read before any feature is accepted")]
    public static void Config_BeforeFeatures_IsReadable(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.Config);
        using VhostUserFrontEnd device = c.Connect();
        device.Negotiate();
        byte[]? config = device.ReadConfig(0, VsockConfig.Size);
        CaseContext.Require(config is not null, "config-not-readable", "8 bytes of configuration space before FEATURES_OK", "the read was refused");
    }

    [Case("VSC-1111", "VS-X-04", Title = "guest_cid stays the same over many reads and over reconnections")]
    public static void Config_ReadOften_IsConstant(CaseContext c)
    {
        c.NeedProtocol(VhostUserProtocolFeatures.Config);
        const int Connections = 5;
        const int Reads = 50;
        HashSet<ulong> seen = [];
        for (int i = 0; i < Connections; i++)
        {
            using VhostUserFrontEnd device = c.Connect();
            device.Negotiate();
            for (int j = 0; j < Reads; j++)
            {
                seen.Add(VsockConfig.Read(device.ReadConfig(0, VsockConfig.Size)).GuestCid);
            }
        }

        CaseContext.Require(seen.Count == 1, "cid-changes", "one guest_cid for the lifetime of the device", string.Join(", ", seen));
    }

    [Case("VSC-1112", "FE-11", Title = "A driver that does not accept ACCESS_PLATFORM may be refused, without harm", Probe = true)]
    public static void Accept_WithoutAccessPlatform_DoesNoHarm(CaseContext c)
    {
        c.NeedFeature(VirtioFeatures.AccessPlatform);
        try
        {
            c.Start(o => o with { Features = o.Features & ~VirtioFeatures.AccessPlatform });
            c.Fence();
            c.Record("features.without_access_platform", "accepted");
        }
        catch (TransportException e) when (e.Fault is TransportFault.Refused or TransportFault.Closed)
        {
            c.Record("features.without_access_platform", e.Fault.ToString());
        }
    }

    /// <summary>Puts the low bits of <paramref name="choice"/> where <paramref name="mask"/> has ones.</summary>
    private static ulong Scatter(uint choice, ulong mask)
    {
        ulong result = 0;
        for (; mask != 0; mask &= mask - 1, choice >>= 1)
        {
            result |= (choice & 1) != 0 ? mask & (~mask + 1) : 0;
        }

        return result;
    }
}
