using System.Net.Sockets;
using System.Threading.Channels;

namespace Vsockspec.Guests;

/// <summary>
/// A socket in the lab's folder that one stream of the machine connects to. Whoever listens is there before QEMU starts, so nothing is
/// lost and nobody has to try again.
/// </summary>
internal sealed class LabStream : IDisposable
{
    private const int BufferSize = 16 << 10;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private Socket? _stream;

    public LabStream(string path)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(1);
    }

    /// <exception cref="OperationCanceledException">Nobody connected.</exception>
    public async Task<NetworkStream> Accept(CancellationToken cancellation)
    {
        _stream = await _listener.AcceptAsync(cancellation).ConfigureAwait(false);
        return new NetworkStream(_stream, ownsSocket: false);
    }

    /// <summary>
    /// Copies to the end of the stream. What a slow reader has not taken is kept in memory: a guest whose port is not read spins in its kernel,
    /// with interrupts off.
    /// </summary>
    /// <exception cref="IOException">The other side refuses.</exception>
    public static async Task Copy(Stream from, Stream to)
    {
        Channel<byte[]> pieces = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        Task reading = Task.Run(async () =>
        {
            byte[] buffer = new byte[BufferSize];
            try
            {
                int n;
                while ((n = await from.ReadAsync(buffer).ConfigureAwait(false)) > 0)
                {
                    pieces.Writer.TryWrite(buffer[..n]);
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // The machine is gone: what came so far is copied.
            }
            finally
            {
                pieces.Writer.Complete();
            }
        });
        await foreach (byte[] piece in pieces.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            await to.WriteAsync(piece).ConfigureAwait(false);
            await to.FlushAsync().ConfigureAwait(false);
        }

        await reading.ConfigureAwait(false);
    }

    public void Dispose()
    {
        _stream?.Dispose();
        _listener.Dispose();
    }
}
