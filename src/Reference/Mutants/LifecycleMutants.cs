using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Mutants;

/// <summary>Negotiation, reset and restart, and what ends a device that must live on.</summary>
internal static class LifecycleMutants
{
    public static IEnumerable<Mutant> All =>
    [
        Session("config-after-features", "CF-01", "Answers GET_CONFIG only after SET_FEATURES.", () => new OnlyAfterFeatures(VhostUserRequest.GetConfig)),
        Session("protocol-features-after-features", "VU-03", "Knows protocol features only after SET_FEATURES.", () => new OnlyAfterFeatures(VhostUserRequest.GetProtocolFeatures)),
        Session("suspended-is-deaf", "VU-10", "Answers nothing while all its rings are stopped.", () => new DeafWhenStopped()),
        Session("call-required", "VU-20", "Does not process a ring without a call descriptor.", () => new WantsCall()),
        Session("status-not-served", "VU-25", "Offers STATUS and drops SET_STATUS.", () => new Deaf(VhostUserRequest.SetStatus)),
        Session("region-not-added", "VU-26", "Offers memory slots and drops ADD_MEM_REG.", () => new Deaf(VhostUserRequest.AddMemReg)),
        Session("inband-without-channel", "VU-30", "Accepts in-band notifications without what they need.", () => new TakesAnyProtocolFeatures()),
        Session("inband-kicks-ignored", "VU-30", "Negotiates in-band notifications and drops VRING_KICK.", () => new Deaf(VhostUserRequest.VringKick)),
        Session("log-first-page-only", "VU-28", "Logs the first page of a chain that it wrote, and none of the others.", () => new LogsFirstPage()),
        Session("log-without-used-ring", "VU-28", "Does not log what it writes into the used ring.", () => new LogsNoUsedRing()),
        Session("three-front-ends-only", "VU-32", "Ends with the fourth front end.", () => new EndsAfter(VhostUserRequest.SetOwner, 3)),
        Session("reset-owner-ends-device", "VU-23", "Ends when it sees RESET_OWNER.", () => new EndsAfter(VhostUserRequest.ResetOwner, 0)),
        Session("reply-ack-required", "VU-16", "Serves no front end without REPLY_ACK.", () => new WantsReplyAck()),
        Session("unknown-request-ends-device", "VU-33", "Ends when it sees a request it does not know.", () => new EndsAtUnknown()),
        Session("impossible-size-accepted", "VU-34", "Acknowledges a ring of an impossible size.", () => new Accepting(VhostUserRequest.SetVringNum)),
        Session("misaligned-ring-accepted", "VQ-01", "Acknowledges a ring at a misaligned address.", () => new Accepting(VhostUserRequest.SetVringAddr, VhostUserRequest.SetVringKick, VhostUserRequest.SetVringEnable)),
        Session("restart-where-it-stopped", "RR-02", "Starts a ring where it stopped before, whatever SET_VRING_BASE says.", () => new StartsWhereItStopped()),
        Session("reset-then-off-by-one", "RS-01", "Starts rings one too far after a reset.", () => new OffByOneAfterReset()),
        Session("packed-laps-ignored", "PK-04", "Takes every packed ring to start in its first lap.", () => new FirstLap()),
        Session("stop-of-one-ring-ignored", "RR-01", "Stops a ring only when the other has been stopped before.", () => new StopsSecond()),
        new("restart-in-the-old-place", "RR-03", "Goes on using a ring's first size and addresses after a restart.", p => p with { Layout = new FirstPlace().Of }),
        OnTx("bad-address-ends-device", "VU-13", "Ends when a descriptor points outside memory.", (result, chain) => result == TakeResult.BadChain && chain.Defect!.Contains("memory", StringComparison.Ordinal)),
        OnTx("writable-tx-ends-device", "VS-X-27", "Ends when a packet of the guest is in a writable buffer.", (_, chain) => chain.WritableBytes > 0),
        OnTx("wrong-order-ends-device", "VQ-04", "Ends when a readable buffer follows a writable one.", (_, chain) => chain.Defect?.Contains("after a device-writable", StringComparison.Ordinal) == true),
        OnTx("loop-ends-device", "VQ-07", "Ends when descriptors form a loop.", (result, chain) => result == TakeResult.BrokenRing && !IsIndex(chain)),
        OnTx("index-jump-ends-device", "VQ-11", "Ends when the available index jumps.", (result, chain) => result == TakeResult.BrokenRing && IsIndex(chain)),
        OnTx("illegal-indirect-ends-device", "VQ-10", "Ends when an indirect descriptor is illegal.", (_, chain) => chain.Defect?.Contains("indirect", StringComparison.Ordinal) == true),
        new("spurious-kicks-end-device", "VQ-21", "Ends after a hundred looks at a ring in vain.", p => p with { Ring = (_, ring) => new Impatient(ring) }),
        new("index-wrap-stops-ring", "VQ-23", "Stops when the available index wraps (split).", p => p with { Ring = (_, ring) => new StopsAtWrap(ring) }),
        new("eight-buffers-at-most", "VS-X-26", "Ignores a packet in more than eight buffers.", p => p with { Ring = (index, ring) => index == VsockQueue.Tx ? new EightBuffers(ring) : ring }),
        new("indirect-ids-minded", "PK-06", "Ignores an indirect table whose descriptors have ids (packed).", p => p with { Ring = (_, ring) => new MindsIds(ring) }),
        new("record-end-hides-message-end", "VS-X-39", "Does not see EOM where EOR is set too.", p => p with { Ingress = new Misreading(h => h.Type == SocketType.Seqpacket && h is { Op: Op.Rw, Flags: 3 } ? h with { Flags = 2 } : h) }),
    ];

    private static bool IsIndex(DeviceChain chain) => chain.Defect?.Contains("avail", StringComparison.Ordinal) == true;

    private static Mutant Session(string id, string breaks, string summary, Func<BackEndRules> rules) => new(id, breaks, summary, p => p with { Session = rules() });

    private static Mutant OnTx(string id, string breaks, string summary, Func<TakeResult, DeviceChain, bool> ends) =>
        new(id, breaks, summary, p => p with { Ring = (index, ring) => index == VsockQueue.Tx ? new Mortal(ring, ends) : ring });

    private static InvalidOperationException End() => new("this mutant ends here");

    private sealed class OnlyAfterFeatures(VhostUserRequest late) : BackEndRules
    {
        private bool accepted;

        public override bool Serves(VhostUserRequest request)
        {
            accepted |= request == VhostUserRequest.SetFeatures;
            return request != late || accepted;
        }
    }

    private sealed class DeafWhenStopped : BackEndRules
    {
        private int stopped;

        public override uint StopBase(int ring, uint position)
        {
            stopped++;
            return position;
        }

        public override bool Serves(VhostUserRequest request)
        {
            stopped = request == VhostUserRequest.SetVringKick ? 0 : stopped;
            return stopped < 2;
        }
    }

    private sealed class Deaf(VhostUserRequest missed) : BackEndRules
    {
        public override bool Serves(VhostUserRequest request) => request != missed;
    }

    private sealed class TakesAnyProtocolFeatures : BackEndRules
    {
        public override bool AcceptsProtocolFeatures(VhostUserProtocolFeatures accepted) => true;
    }

    private sealed class LogsFirstPage : BackEndRules
    {
        public override uint LoggedBytes(uint written) => Math.Min(written, 1);
    }

    private sealed class LogsNoUsedRing : BackEndRules
    {
        public override bool LogsUsedRing => false;
    }

    private sealed class EndsAfter(VhostUserRequest counted, int times) : BackEndRules
    {
        private int seen;

        public override bool Serves(VhostUserRequest request) => request != counted || ++seen <= times ? true : throw End();
    }

    private sealed class WantsCall : BackEndRules
    {
        public override bool ServesWithoutCall => false;
    }

    private sealed class WantsReplyAck : BackEndRules
    {
        public override bool AcceptsProtocolFeatures(VhostUserProtocolFeatures accepted) =>
            accepted.HasFlag(VhostUserProtocolFeatures.ReplyAck) && base.AcceptsProtocolFeatures(accepted);
    }

    private sealed class EndsAtUnknown : BackEndRules
    {
        public override bool Serves(VhostUserRequest request) => Enum.IsDefined(request) ? true : throw End();
    }

    private sealed class Accepting(params VhostUserRequest[] requests) : BackEndRules
    {
        public override ulong Status(VhostUserRequest request, bool success) => requests.Contains(request) ? 0 : base.Status(request, success);
    }

    private sealed class StartsWhereItStopped : BackEndRules
    {
        private readonly Dictionary<int, uint> stopped = [];

        public override uint StopBase(int ring, uint position) => stopped[ring] = position;

        public override uint StartBase(int ring, uint requested) => stopped.Remove(ring, out uint position) ? position : requested;
    }

    private sealed class OffByOneAfterReset : BackEndRules
    {
        private bool reset;

        public override bool Serves(VhostUserRequest request)
        {
            reset |= request == VhostUserRequest.ResetDevice;
            return true;
        }

        public override uint StartBase(int ring, uint requested) => reset ? requested + 1 : requested;
    }

    private sealed class FirstLap : BackEndRules
    {
        public override uint StartBase(int ring, uint requested) => requested > ushort.MaxValue || requested == 0 ? requested | RingBase.Initial(RingLayout.Packed) : requested;
    }

    private sealed class StopsSecond : BackEndRules
    {
        private int asked;

        public override bool StopsOnGetVringBase => ++asked % 2 == 0;
    }

    /// <summary>The first two rings of a device are its rx and tx; later ones get the place of the first of their kind.</summary>
    private sealed class FirstPlace
    {
        private readonly List<RingSetup> first = [];

        public RingSetup Of(RingSetup setup)
        {
            const int Rings = 2;
            if (first.Count < Rings)
            {
                first.Add(setup);
                return setup;
            }

            return first.MinBy(f => Math.Abs((long)(f.DescriptorArea - setup.DescriptorArea)));
        }
    }

    private sealed class Mortal(DeviceRing inner, Func<TakeResult, DeviceChain, bool> ends) : RingDecorator(inner)
    {
        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            return result != TakeResult.Empty && ends(result, chain) ? throw End() : result;
        }
    }

    private sealed class Impatient(DeviceRing inner) : RingDecorator(inner)
    {
        private const int Most = 100;
        private int inVain;

        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            inVain = result == TakeResult.Empty ? inVain + 1 : 0;
            return inVain > Most ? throw End() : result;
        }
    }

    private sealed class StopsAtWrap(DeviceRing inner) : RingDecorator(inner)
    {
        private uint last;
        private bool stuck;

        public override TakeResult TryTake(DeviceChain chain)
        {
            stuck |= Setup.Layout == RingLayout.Split && Base < last;
            last = Base;
            return stuck ? TakeResult.Empty : base.TryTake(chain);
        }

        public override bool EnableKicks() => base.EnableKicks() && !stuck;
    }

    private sealed class EightBuffers(DeviceRing inner) : RingDecorator(inner)
    {
        private const int Most = 8;

        public override TakeResult TryTake(DeviceChain chain)
        {
            TakeResult result = base.TryTake(chain);
            return result == TakeResult.Chain && chain.Count > Most ? TakeResult.BadChain : result;
        }
    }

    private sealed class MindsIds(DeviceRing inner) : RingDecorator(inner)
    {
        public override TakeResult TryTake(DeviceChain chain)
        {
            PackedDescriptor head = Packed?.GetDescriptor((int)(Base & 0x7fff)) ?? default;
            TakeResult result = base.TryTake(chain);
            if (result != TakeResult.Chain || !head.Is(DescriptorFlags.Indirect))
            {
                return result;
            }

            const int IdAt = 12;
            ReadOnlySpan<byte> first = Memory.Slice(head.Address, PackedDescriptor.Size);
            return first[IdAt] == 0 && first[IdAt + 1] == 0 ? result : TakeResult.BadChain;
        }
    }
}
