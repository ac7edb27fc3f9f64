using Microsoft.Win32.SafeHandles;
using NUnit.Framework;
using Vsockspec.Harness.Tests.Transports;
using Vsockspec.Interop;

namespace Vsockspec.Harness.Tests.Interop;

/// <summary>Unix sockets, their files and the descriptors they carry.</summary>
public sealed class UnixSocketTests
{
    private string folder = string.Empty;

    private string Socket => Path.Combine(folder, "s");

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory("vs-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(folder, recursive: true);

    [Test]
    public void Listener_Connection_CarriesBytesBothWays()
    {
        using UnixListener listener = new(Socket);
        Assert.That(listener.TryAccept(), Is.Null);
        using UnixStream client = UnixStream.Connect(Socket, TimeSpan.FromSeconds(1));
        using UnixStream? server = listener.Accept(TimeSpan.FromSeconds(1));
        Assert.That(server, Is.Not.Null);
        Assert.That(client.Send("ping"u8).Count, Is.EqualTo(4));
        byte[] buffer = new byte[16];
        Assert.That(server!.Wait(PollEvents.Readable, Deadline.In(TimeSpan.FromSeconds(1))), Is.True);
        Assert.That(server.HasBytes(), Is.True);
        Assert.That(server.Receive(buffer), Is.EqualTo(new StreamMove(StreamState.Moved, 4)));
        Assert.That(server.Receive(buffer), Is.EqualTo(new StreamMove(StreamState.WouldBlock)));
        Assert.That(server.HasInput(), Is.False);
        client.Dispose();
        Assert.That(server.HasInput(), Is.True);
        Assert.That(server.HasBytes(), Is.False);
        Assert.That(server.Receive(buffer), Is.EqualTo(new StreamMove(StreamState.Closed)));
        Assert.That(server.Send("late"u8).State, Is.EqualTo(StreamState.Closed));
    }

    [Test]
    public void Listener_Disposed_RemovesItsFile()
    {
        using (new UnixListener(Socket))
        {
            Assert.That(File.Exists(Socket), Is.True);
        }

        Assert.That(File.Exists(Socket), Is.False);
    }

    [Test]
    public void Listener_FileNobodyServes_IsReplaced()
    {
        using (UnixListener listener = new(Socket))
        {
            File.Move(Socket, Socket + ".kept");
        }

        File.Move(Socket + ".kept", Socket);
        Assert.That(() => UnixStream.Connect(Socket, TimeSpan.FromSeconds(1)), Throws.TypeOf<ErrnoException>());
        using UnixListener next = new(Socket);
        using UnixStream client = UnixStream.Connect(Socket, TimeSpan.FromSeconds(1));
    }

    [Test]
    public void Listener_FileSomebodyServes_IsLeftAlone()
    {
        using UnixListener listener = new(Socket);
        Assert.That(() => new UnixListener(Socket), Throws.TypeOf<ErrnoException>().With.Message.Contains(Socket));
        using UnixStream client = UnixStream.Connect(Socket, TimeSpan.FromSeconds(1));
    }

    [Test]
    public void Listener_OtherFile_IsLeftAlone()
    {
        File.WriteAllText(Socket, "precious");
        Assert.That(() => new UnixListener(Socket), Throws.TypeOf<ErrnoException>());
        Assert.That(File.ReadAllText(Socket), Is.EqualTo("precious"));
    }

    [Test]
    public void Path_ThatDoesNotFit_IsRefusedByName()
    {
        string path = Path.Combine(folder, new string('x', 108));
        Assert.That(() => new UnixListener(path), Throws.ArgumentException.With.Message.Contains("107"));
        Assert.That(() => UnixStream.Connect(path, TimeSpan.FromSeconds(1)), Throws.ArgumentException);
    }

    [Test]
    public void Connect_BacklogFull_GivesUpAtTheDeadline()
    {
        using UnixListener listener = new(Socket, backlog: 0);
        List<UnixStream> waiting = [];
        ErrnoException? failure = null;
        for (int i = 0; i < 10 && failure is null; i++)
        {
            try
            {
                waiting.Add(UnixStream.Connect(Socket, TimeSpan.FromMilliseconds(20)));
            }
            catch (ErrnoException e)
            {
                failure = e;
            }
        }

        waiting.ForEach(stream => stream.Dispose());
        Assert.That(failure?.Call, Is.EqualTo("connect"));
    }

    [Test]
    public void Descriptors_SentWithBytes_ArriveWithThem([Values(1, 2, 8, UnixStream.MaxDescriptors)] int count)
    {
        (UnixStream first, UnixStream second) = UnixStream.Pair();
        using (first)
        using (second)
        using (EventFd counter = new())
        {
            int before = OpenDescriptors.Count();
            Assert.That(first.Send("a"u8).Count, Is.EqualTo(1));
            Assert.That(first.Send("bc"u8, [.. Enumerable.Repeat(counter.Handle, count)]).Count, Is.EqualTo(2));
            List<SafeFileHandle> received = [];
            byte[] buffer = new byte[1];
            second.Receive(buffer, received);
            Assert.That(received, Is.Empty);
            second.Receive(buffer, received);
            Assert.That(received, Has.Count.EqualTo(count));
            second.Receive(buffer, received);
            Assert.That(received, Has.Count.EqualTo(count));
            using (EventFd copy = new(received[^1]))
            {
                copy.Signal();
            }

            Assert.That(counter.Drain(), Is.EqualTo(1));
            received.ForEach(handle => handle.Dispose());
            Assert.That(OpenDescriptors.Count(), Is.EqualTo(before));
        }
    }

    [Test]
    public void Descriptors_NobodyAskedFor_AreClosed()
    {
        (UnixStream first, UnixStream second) = UnixStream.Pair();
        using (first)
        using (second)
        using (EventFd counter = new())
        {
            int before = OpenDescriptors.Count();
            first.Send("a"u8, [counter.Handle, counter.Handle]);
            second.Receive(new byte[1]);
            Assert.That(OpenDescriptors.Count(), Is.EqualTo(before));
        }
    }

    [Test]
    public void EventFd_MadeOfASocket_NeverBlocks()
    {
        (UnixStream first, UnixStream second) = UnixStream.Pair();
        using EventFd call = new(first.Handle);
        int signals = 0;
        while (call.Signal())
        {
            signals++;
        }

        Assert.That(signals, Is.GreaterThan(10));
        second.Dispose();
        Assert.That(call.Signal(), Is.False);
    }

    [Test]
    public void Epoll_InAnotherSet_ShowsItsMembers()
    {
        using Epoll inner = new();
        using Epoll outer = new();
        using EventFd member = new();
        inner.Add(member.Fd, EpollEvents.Readable, 7);
        outer.Add(inner.Fd, EpollEvents.Readable, 9);
        Span<EpollEvent> ready = stackalloc EpollEvent[4];
        Assert.That(outer.Wait(ready, 0), Is.Zero);
        member.Signal();
        Assert.That(outer.Wait(ready, 0), Is.EqualTo(1));
        Assert.That(ready[0], Is.EqualTo(new EpollEvent(EpollEvents.Readable, 9)));
        Assert.That(inner.Wait(ready, 0), Is.EqualTo(1));
        Assert.That(ready[0], Is.EqualTo(new EpollEvent(EpollEvents.Readable, 7)));
        inner.Remove(member.Fd);
        Assert.That(outer.Wait(ready, 0), Is.Zero);
    }
}
