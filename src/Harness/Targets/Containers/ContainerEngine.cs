extern alias Testcontainers;

using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text.Json;
using Docker.DotNet;
using Docker.DotNet.Models;
using Testcontainers::DotNet.Testcontainers.Configurations;
using ApiVersion = System.Version;

namespace Vsockspec.Targets.Containers;

/// <summary>An image that the engine has.</summary>
/// <param name="Id">SHA-256 of the image's configuration or manifest, 64 hex digits.</param>
/// <param name="WorkingDirectory">From where relative paths of its program start.</param>
public sealed record ContainerImage(string Id, string WorkingDirectory);

/// <summary>A container engine of this machine: Docker, or one that speaks its interface as Podman does.</summary>
public sealed class ContainerEngine
{
    private const string HostVariable = "DOCKER_HOST";
    private const string UnixScheme = "unix://";

    /// <summary>What our client library knows well; an older engine is asked in its own version, a newer one still speaks this.</summary>
    private static readonly ApiVersion NewestApi = new(1, 44);

    private static readonly TimeSpan PingPatience = TimeSpan.FromSeconds(10);
    private static readonly ConcurrentDictionary<string, ContainerEngine> Known = new(StringComparer.Ordinal);

    private readonly Lazy<ContainerGuardian> _guardian;

    private ContainerEngine(string socket, ApiVersion api)
    {
        Socket = socket;
        Endpoint = new EngineEndpoint(socket, api);
        Client = Endpoint.GetDockerClientBuilder().Build();
        _guardian = new Lazy<ContainerGuardian>(() => ContainerGuardian.Start(socket));
        SystemInfoResponse info = Ask("info", () => Client.System.GetSystemInfoAsync());
        Version = info.ServerVersion;
        IsRootless = info.SecurityOptions?.Any(option => option.Contains("rootless", StringComparison.Ordinal)) ?? false;
    }

    /// <summary>Path of its socket.</summary>
    public string Socket { get; }

    /// <summary><c>20.10.24</c>.</summary>
    public string Version { get; }

    /// <summary>Its root is the user that runs it.</summary>
    public bool IsRootless { get; }

    internal IDockerEndpointAuthenticationConfiguration Endpoint { get; }

    internal IDockerClient Client { get; }

    /// <summary>Removes our containers when we cannot.</summary>
    internal ContainerGuardian Guardian => _guardian.Value;

    /// <summary>The engine that <c>DOCKER_HOST</c> names, or the one at a usual place.</summary>
    /// <exception cref="EngineException">There is none that could be used.</exception>
    public static ContainerEngine OfThisMachine()
    {
        string socket = FindSocket();
        return Known.TryGetValue(socket, out ContainerEngine? engine) ? engine : Known.GetOrAdd(socket, new ContainerEngine(socket, Negotiate(socket)));
    }

    /// <summary>Null when the engine does not have it.</summary>
    /// <exception cref="EngineException">The engine does not answer.</exception>
    /// <exception cref="DockerApiException">It does not like the name.</exception>
    internal ContainerImage? FindImage(string reference)
    {
        try
        {
            ImageInspectResponse image = Ask($"image {reference}", () => Client.Images.InspectImageAsync(reference));
            string id = image.ID.Split(':')[^1];
            return new ContainerImage(id, image.Config?.WorkingDir is { Length: > 0 } folder ? folder : "/");
        }
        catch (DockerImageNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Asks and waits for the answer.</summary>
    /// <exception cref="EngineException">The engine does not answer, or broke.</exception>
    /// <exception cref="DockerApiException">The engine refuses.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    internal T Ask<T>(string what, Func<Task<T>> call, CancellationToken cancellation = default)
    {
        try
        {
            return call().GetAwaiter().GetResult();
        }
        catch (DockerApiException e) when ((int)e.StatusCode >= 500)
        {
            throw new EngineException($"the container engine at {Socket} failed at '{what}': {MessageOf(e)}", inner: e);
        }
        catch (Exception e) when (IsOfTheWire(e) && !cancellation.IsCancellationRequested)
        {
            throw new EngineException($"the container engine at {Socket} does not answer '{what}': {e.Message}", inner: e);
        }
    }

    /// <inheritdoc cref="Ask{T}"/>
    internal void Ask(string what, Func<Task> call, CancellationToken cancellation = default) => Ask(
        what,
        async () =>
        {
            await call().ConfigureAwait(false);
            return true;
        },
        cancellation);

    /// <summary>The engine's own words, without the JSON around them.</summary>
    internal static string MessageOf(DockerApiException e)
    {
        const int Enough = 1000;
        string text = e.ResponseBody ?? e.StatusCode.ToString();
        try
        {
            using JsonDocument body = JsonDocument.Parse(text);
            text = body.RootElement.TryGetProperty("message", out JsonElement message) ? message.GetString() ?? text : text;
        }
        catch (Exception x) when (x is JsonException or InvalidOperationException)
        {
            // Not JSON, or not an object: the text itself is what there is.
        }

        string clean = Printable.Clean(text).Trim();
        return clean.Length <= Enough ? clean : clean[..Enough] + "…";
    }

    private static bool IsOfTheWire(Exception e) => e is HttpRequestException or IOException or SocketException or TimeoutException or TaskCanceledException;

    private static string FindSocket()
    {
        if (Environment.GetEnvironmentVariable(HostVariable) is { Length: > 0 } host)
        {
            return host.StartsWith(UnixScheme + "/", StringComparison.Ordinal)
                ? host[UnixScheme.Length..]
                : throw new EngineException(
                    $"{HostVariable} is '{host}': a target in a container shares its sockets with vsockspec through a folder, so the engine has to run on this machine",
                    $"set {HostVariable} to a Unix socket (unix:///var/run/docker.sock), or unset it");
        }

        string[] usual = [.. UsualSockets()];
        return usual.FirstOrDefault(File.Exists) ?? throw new EngineException(
            $"no container engine: {HostVariable} is not set, and there is none of {string.Join(", ", usual)}",
            "install and start one (sudo apt-get install -y docker.io), or set DOCKER_HOST");
    }

    private static IEnumerable<string> UsualSockets()
    {
        yield return "/var/run/docker.sock";
        if (Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } runtime)
        {
            yield return Path.Combine(runtime, "docker.sock");
            yield return Path.Combine(runtime, "podman", "podman.sock");
        }

        yield return "/run/podman/podman.sock";
    }

    /// <summary>The version to speak: ours, or the engine's when that is older.</summary>
    private static ApiVersion Negotiate(string socket)
    {
        using SocketsHttpHandler handler = new()
        {
            ConnectCallback = async (_, cancellation) =>
            {
                Socket connection = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancellation).ConfigureAwait(false);
                    return new NetworkStream(connection, ownsSocket: true);
                }
                catch
                {
                    connection.Dispose();
                    throw;
                }
            },
        };
        using HttpClient http = new(handler) { Timeout = PingPatience };
        using HttpRequestMessage request = new(HttpMethod.Head, "http://engine/_ping");
        try
        {
            using HttpResponseMessage answer = http.Send(request);
            ApiVersion? spoken = answer.Headers.TryGetValues("Api-Version", out IEnumerable<string>? values) && ApiVersion.TryParse(values.First(), out ApiVersion? version)
                ? version
                : null;
            return spoken is null
                ? throw new EngineException($"{socket}: who answers there is no container engine", $"set {HostVariable} to the socket of one")
                : spoken < NewestApi ? spoken : NewestApi;
        }
        catch (Exception e) when (IsOfTheWire(e) && e is not EngineException)
        {
            bool denied = e.InnerException is SocketException { SocketErrorCode: SocketError.AccessDenied };
            throw new EngineException(
                $"the container engine at {socket} does not answer: {e.Message}",
                denied ? $"give yourself access: sudo setfacl -m u:{Environment.UserName}:rw {socket}" : "start it (sudo systemctl start docker)",
                e);
        }
    }
}
