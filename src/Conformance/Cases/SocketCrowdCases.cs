using System.Buffers.Binary;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>So many connections at once that whatever tells them apart has to do it well.</summary>
[Area("sockets", NeedsGuest = true)]
public static class SocketCrowdCases
{
    private const int Many = 1000;

    /// <summary>Calls that are under way at a time: all their requests fit into a terminal's buffer, beyond which user-mode Linux loses them.</summary>
    private const int AtOnce = 25;

    /// <summary>A device may have room for fewer connections, but not for so few that the case says nothing.</summary>
    private const int Enough = 200;

    private const int Bytes = 64;

    [Case("VSC-1423", "VS-X-15", "VS-X-30", Title = "A thousand connections of the guest at once each carry their own bytes, or are refused", Slow = true)]
    public static void Guest_AThousandConnections_EachItsOwnBytes(CaseContext c)
    {
        using HostListener listener = c.Listen(backlog: 4096);
        List<GuestSocket> guests = [];
        foreach (int batch in Batches())
        {
            GuestSocket[] created = All(c, batch, _ => c.Agent.Socket(SocketType.Stream)).ConvertAll(fd => new GuestSocket(c, fd.OrThrow("socket"))).ToArray();
            List<GuestResult> results = All(c, batch, i => created[i].BeginConnect(Cid.Host, listener.Port));
            foreach ((GuestSocket guest, GuestResult result) in created.Zip(results))
            {
                CaseContext.Require(
                    result.Succeeded || result.Errno == GuestErrno.ConnectionReset, "connect-undecided", "the connect succeeds, or ECONNRESET (104)", result.ToString());
                if (result.Succeeded)
                {
                    guests.Add(guest);
                }
            }
        }

        c.Record("connections.guest", guests.Count);
        CaseContext.Require(guests.Count >= Enough, "too-few-connections", $"some hundreds of {Many} connections are established", $"{guests.Count}");
        Tell(c, guests);
        Answer(c, guests.Count, Enumerable.Range(0, guests.Count).Select(_ => listener.Accept()));
        ExpectAnswers(c, guests);
    }

    [Case("VSC-1424", "VS-X-15", "VS-X-30", Title = "A thousand connections of host applications at once each carry their own bytes, or are refused", Slow = true)]
    public static void Host_AThousandConnections_EachItsOwnBytes(CaseContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen(backlog: 4096);
        List<HostConnection> hosts = [];
        foreach (int batch in Batches())
        {
            HostConnection[] connecting = [.. Enumerable.Range(0, batch).Select(_ => c.Host.Connect(port))];
            foreach (HostConnection host in connecting)
            {
                HostOutcome outcome = host.Settle();
                CaseContext.Require(outcome != HostOutcome.UnderWay, "connect-undecided", "the connection is established or refused", "neither");
                if (outcome == HostOutcome.Established)
                {
                    hosts.Add(host);
                }
            }
        }

        c.Record("connections.host", hosts.Count);
        CaseContext.Require(hosts.Count >= Enough, "too-few-connections", $"some hundreds of {Many} connections are established", $"{hosts.Count}");

        List<GuestSocket> guests = [];
        while (guests.Count < hosts.Count)
        {
            guests.AddRange(All(c, Math.Min(AtOnce, hosts.Count - guests.Count), _ => c.Agent.Accept(listener.Fd)).ConvertAll(r => new GuestSocket(c, r.Result.OrThrow("accept"))));
        }

        Tell(c, guests);
        Answer(c, guests.Count, hosts);
        ExpectAnswers(c, guests);
    }

    /// <summary>Every guest socket sends the bytes of its own seed.</summary>
    private static void Tell(CaseContext c, List<GuestSocket> guests)
    {
        int at = 0;
        foreach (GuestSocket[] batch in guests.Chunk(AtOnce))
        {
            int first = at;
            _ = All(c, batch.Length, i => batch[i].BulkSend(c.Seed + (ulong)(first + i), Bytes));
            at += batch.Length;
        }
    }

    private static void ExpectAnswers(CaseContext c, List<GuestSocket> guests)
    {
        int at = 0;
        foreach (GuestSocket[] batch in guests.Chunk(AtOnce))
        {
            int first = at;
            foreach (GuestTransfer answer in All(c, batch.Length, i => batch[i].BulkReceive(~(c.Seed + (ulong)(first + i)), Bytes)))
            {
                CaseContext.Require(
                    answer.Result.Value == Bytes && answer.FirstDifference < 0,
                    "wrong-data",
                    $"the {Bytes} bytes sent to this connection",
                    $"{answer.Result}, first difference at {answer.FirstDifference}");
            }

            at += batch.Length;
        }
    }

    /// <summary>Tells by what each host application reads with whom it is connected, and answers that one.</summary>
    private static void Answer(CaseContext c, int count, IEnumerable<HostConnection> hosts)
    {
        Dictionary<ulong, ulong> seeds = [];
        for (int i = 0; i < count; i++)
        {
            ulong seed = c.Seed + (ulong)i;
            seeds.Add(HeadOf(GuestSocket.Seeded(seed, sizeof(ulong))), seed);
        }

        List<(HostConnection Host, ulong Seed)> known = [];
        foreach (HostConnection host in hosts)
        {
            byte[] data = host.ReceiveExactly(Bytes);
            CaseContext.Require(
                seeds.Remove(HeadOf(data), out ulong seed), "wrong-flow", "every host application reads what one guest's socket sent, and no two the same", "something else");
            Exchange.Same(data, GuestSocket.Seeded(seed, Bytes), "guest to host on one of many");
            known.Add((host, seed));
        }

        foreach ((HostConnection host, ulong seed) in known)
        {
            host.Send(GuestSocket.Seeded(~seed, Bytes));
        }
    }

    private static ulong HeadOf(byte[] data) => BinaryPrimitives.ReadUInt64LittleEndian(data);

    private static IEnumerable<int> Batches() => Enumerable.Repeat(AtOnce, Many / AtOnce);

    private static List<T> All<T>(CaseContext c, int count, Func<int, Task<T>> call) => [.. c.Await(Task.WhenAll(Enumerable.Range(0, count).Select(call)))];
}
