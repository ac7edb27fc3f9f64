using NUnit.Framework;
using Vsockspec.Rings;

namespace Vsockspec.Harness.Tests.Rings;

internal enum RingAction
{
    Post,
    PostIndirect,
    Publish,
    Take,
    Untake,
    Complete,
    PublishUsed,
    Harvest,
    EnableCalls,
    DisableCalls,
    EnableKicks,
    DisableKicks,
}

/// <summary>One thing to do; <paramref name="Choice"/> picks sizes, lengths and places.</summary>
internal readonly record struct RingStep(RingAction Action, uint Choice);

/// <summary>What must be true of a ring, told with lists: chains go from one to the next and must be found as they were put in.</summary>
internal sealed class RingModel : IDisposable
{
    private const int MaxBuffers = 5;

    private readonly RingPair pair;
    private readonly bool mixed;
    private readonly Queue<ulong> tables = new();
    private readonly List<PostedChain> posted = [];
    private readonly Queue<PostedChain> available = new();
    private readonly List<(PostedChain Chain, ushort Id, ushort Entries)> taken = [];
    private readonly List<(PostedChain Chain, uint Written)> completed = [];
    private readonly Queue<(PostedChain Chain, uint Written)> used = new();

    private Wish calls = Wish.Unknown;
    private Wish kicks = Wish.Unknown;
    private bool kicked;
    private bool called;
    private int entriesOutstanding;

    public RingModel(RingLayout layout, ushort size, uint start, bool eventIdx, bool inOrder)
    {
        pair = new RingPair(layout, size, start, eventIdx, inOrder);
        mixed = layout == RingLayout.Split;
        for (int i = 0; i < size; i++)
        {
            tables.Enqueue(pair.Arena.Allocate(MaxBuffers * SplitDescriptor.Size));
        }
    }

    private enum Wish
    {
        Unknown,
        Armed,
        Disabled,
    }

    public void Do(RingStep step)
    {
        switch (step.Action)
        {
            case RingAction.Post:
                Post(step.Choice);
                break;
            case RingAction.PostIndirect:
                PostIndirect(step.Choice);
                break;
            case RingAction.Publish:
                Publish();
                break;
            case RingAction.Take:
                Take();
                break;
            case RingAction.Untake:
                TakeAndUntake();
                break;
            case RingAction.Complete:
                Complete(step.Choice);
                break;
            case RingAction.PublishUsed:
                PublishUsed();
                break;
            case RingAction.Harvest:
                Harvest();
                break;
            case RingAction.EnableCalls:
                bool hasUsed = pair.Driver.EnableCalls();
                Check(hasUsed == (used.Count > 0), "EnableCalls says whether something is used");
                calls = hasUsed ? Wish.Unknown : Wish.Armed;
                break;
            case RingAction.DisableCalls:
                pair.Driver.DisableCalls();
                calls = Wish.Disabled;
                break;
            case RingAction.EnableKicks:
                bool hasAvailable = pair.Device.EnableKicks();
                Check(hasAvailable == (available.Count > 0), "EnableKicks says whether something is available");
                kicks = hasAvailable ? Wish.Unknown : Wish.Armed;
                break;
            case RingAction.DisableKicks:
                pair.Device.DisableKicks();
                kicks = Wish.Disabled;
                break;
            default:
                throw new InvalidOperationException(step.ToString());
        }

        Check(pair.Driver.Outstanding == posted.Count + available.Count + taken.Count + completed.Count + used.Count, "outstanding chains");
        Check(pair.Driver.FreeDescriptors == pair.Setup.Size - entriesOutstanding, "free descriptors");
    }

    /// <summary>Everything goes round and comes back.</summary>
    public void Finish()
    {
        Publish();
        while (available.Count > 0)
        {
            Take();
        }

        while (taken.Count > 0)
        {
            Complete(0);
        }

        PublishUsed();
        while (used.Count > 0)
        {
            Harvest();
        }

        Check(!pair.Driver.TryTakeUsed(out _), "nothing is left");
        Check(pair.Driver.FreeDescriptors == pair.Setup.Size, "every descriptor is free again");
    }

    public void Dispose() => pair.Dispose();

    private static void Check(bool condition, string what)
    {
        if (!condition)
        {
            throw new AssertionException(what);
        }
    }

    private RingBuffer[] Buffers(uint choice, int count)
    {
        Random random = new((int)choice);
        int readable = random.Next(count + 1);
        RingBuffer[] buffers = new RingBuffer[count];
        for (int i = 0; i < count; i++)
        {
            uint length = (uint)random.Next(4) * 100;
            buffers[i] = new RingBuffer(pair.Data + (ulong)random.Next((int)(RingPair.DataBytes - length)), length, i >= readable);
        }

        return buffers;
    }

    private void Post(uint choice)
    {
        RingBuffer[] buffers = Buffers(choice, 1 + (int)(choice % MaxBuffers));
        bool room = entriesOutstanding + buffers.Length <= pair.Setup.Size;
        Check(pair.Driver.TryPost(buffers, out ushort id) == room, "TryPost succeeds when there is room");
        if (room)
        {
            Posted(new PostedChain(id, buffers, buffers.Length, Table: null));
        }
    }

    private void PostIndirect(uint choice)
    {
        RingBuffer[] buffers = Buffers(choice, 1 + (int)(choice % MaxBuffers));
        int direct = mixed ? (int)(choice % (uint)buffers.Length) : 0;
        bool room = entriesOutstanding + direct + 1 <= pair.Setup.Size;
        ulong table = room ? tables.Dequeue() : 0;
        bool done = pair.Driver.TryPostIndirect(buffers.AsSpan(0, direct), buffers.AsSpan(direct), table, out ushort id);
        Check(done == room, "TryPostIndirect succeeds when there is room");
        if (room)
        {
            Posted(new PostedChain(id, buffers, direct + 1, table));
        }
    }

    private void Posted(PostedChain chain)
    {
        entriesOutstanding += chain.Entries;
        posted.Add(chain);
    }

    private void Publish()
    {
        pair.Driver.Publish();
        bool something = posted.Count > 0;
        posted.ForEach(available.Enqueue);
        posted.Clear();
        bool needed = pair.Driver.KickNeeded();
        Check(something || !needed, "no kick for nothing");
        CheckNotification(something, needed, ref kicks, ref kicked, "kick");
    }

    private void Take()
    {
        TakeResult result = pair.Device.TryTake(pair.Chain);
        Check(result == (available.Count > 0 ? TakeResult.Chain : TakeResult.Empty), $"TryTake: {result} {pair.Chain.Defect}");
        if (result == TakeResult.Chain)
        {
            PostedChain chain = available.Dequeue();
            Check(pair.Chain.Id == chain.Id, "id as posted");
            Check(pair.Chain.RingEntries == chain.Entries, "entries as posted");
            Check(pair.Chain.Buffers.SequenceEqual(chain.Buffers), "buffers as posted");
            Check(pair.Chain.ReadableCount == chain.Buffers.Count(b => !b.DeviceWrites), "readable buffers");
            Check(pair.Chain.ReadableBytes == (ulong)chain.Buffers.Where(b => !b.DeviceWrites).Sum(b => b.Length), "readable bytes");
            Check(pair.Chain.WritableBytes == (ulong)chain.Buffers.Where(b => b.DeviceWrites).Sum(b => b.Length), "writable bytes");
            taken.Add((chain, pair.Chain.Id, pair.Chain.RingEntries));
        }
    }

    private void TakeAndUntake()
    {
        uint before = pair.Device.Base;
        if (pair.Device.TryTake(pair.Chain) == TakeResult.Chain)
        {
            pair.Device.Untake(pair.Chain);
        }

        Check(pair.Device.Base == before, "base as before");
    }

    private void Complete(uint choice)
    {
        if (taken.Count == 0)
        {
            return;
        }

        int index = pair.Setup.InOrder ? 0 : (int)(choice % (uint)taken.Count);
        (PostedChain chain, ushort id, ushort entries) = taken[index];
        taken.RemoveAt(index);
        pair.Device.Complete(id, entries, choice);
        completed.Add((chain, choice));
        Check(pair.Driver.HasUsed == (used.Count > 0), "not visible before PublishUsed");
    }

    private void PublishUsed()
    {
        pair.Device.PublishUsed();
        bool something = completed.Count > 0;
        completed.ForEach(used.Enqueue);
        completed.Clear();
        bool needed = pair.Device.CallNeeded();
        Check(something || !needed, "no call for nothing");
        CheckNotification(something, needed, ref calls, ref called, "call");
    }

    private void CheckNotification(bool something, bool needed, ref Wish wish, ref bool before, string name)
    {
        if (!something)
        {
            return;
        }

        Check(wish != Wish.Armed || needed, $"lost {name}");
        bool unavoidable = pair.Setup is { EventIdx: true, Layout: RingLayout.Split } && !before;
        Check(wish != Wish.Disabled || !needed || unavoidable, $"unwanted {name}");
        before = true;
        if (wish == Wish.Armed)
        {
            wish = Wish.Unknown;
        }
    }

    private void Harvest()
    {
        Check(pair.Driver.HasUsed == (used.Count > 0), "HasUsed");
        Check(pair.Driver.TryTakeUsed(out UsedChain chain) == (used.Count > 0), "TryTakeUsed");
        if (used.Count > 0)
        {
            (PostedChain expected, uint written) = used.Dequeue();
            Check(chain == new UsedChain(expected.Id, written), "used as completed");
            Check(pair.Driver.LastUsedWasKnown, "known chain");
            entriesOutstanding -= expected.Entries;
            if (expected.Table is ulong table)
            {
                tables.Enqueue(table);
            }
        }
    }

    private sealed record PostedChain(ushort Id, RingBuffer[] Buffers, int Entries, ulong? Table);
}
