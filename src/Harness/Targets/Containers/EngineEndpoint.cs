extern alias Testcontainers;

using Docker.DotNet;
using Docker.DotNet.Handler.Abstractions;
using Testcontainers::DotNet.Testcontainers.Configurations;

namespace Vsockspec.Targets.Containers;

/// <summary>An engine behind a Unix socket, asked in a version of its interface that it speaks.</summary>
internal sealed class EngineEndpoint(string socket, Version version) : IDockerEndpointAuthenticationConfiguration
{
    public Version Version => version;

    public Uri Endpoint { get; } = new("unix://" + socket);

    public IAuthProvider? AuthProvider => null;

    public DockerClientBuilder GetDockerClientBuilder(Guid sessionId = default) =>
        new DockerClientBuilder().WithEndpoint(Endpoint).WithApiVersion(Version);
}
