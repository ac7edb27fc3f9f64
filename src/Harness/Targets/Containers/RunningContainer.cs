extern alias Testcontainers;

using Docker.DotNet;
using Docker.DotNet.Models;
using Testcontainers::DotNet.Testcontainers.Builders;
using Testcontainers::DotNet.Testcontainers.Containers;
using Testcontainers::DotNet.Testcontainers.Images;
using Microsoft.Extensions.Logging.Abstractions;

namespace Vsockspec.Targets.Containers;

/// <summary>One container, from its start to its removal.</summary>
internal sealed class RunningContainer : ITargetProgram, IDisposable
{
    private const int KeptLines = 200;
    private static readonly TimeSpan TermPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan KillPatience = TimeSpan.FromSeconds(10);

    /// <summary>From the end of its process to the engine's notice.</summary>
    private static readonly TimeSpan NoticePatience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan LogPatience = TimeSpan.FromSeconds(5);

    private readonly ContainerEngine _engine;
    private readonly string _name;
    private readonly string _id;
    private readonly int _memoryMiB;
    private readonly Task<string> _ending;
    private IReadOnlyList<string> _lastLines = [];
    private bool _disposed;

    private RunningContainer(ContainerEngine engine, string name, string id, long processId, int memoryMiB)
    {
        _engine = engine;
        _name = name;
        _id = id;
        _memoryMiB = memoryMiB;
        Process = HostProcess.InContainer(id, processId);
        _ending = Watch();
    }

    /// <summary>Its first process, by the number that this machine knows it under; null when it has ended already or cannot be seen.</summary>
    public HostProcess? Process { get; }

    /// <summary>True at once when its process has ended, not only when the engine has noticed: what a case found then has its cause.</summary>
    public bool HasExited
    {
        get
        {
            if (!_ending.IsCompleted && Process is { IsGone: true })
            {
                _ = Ends(NoticePatience);
            }

            return _ending.IsCompletedSuccessfully;
        }
    }

    public string? ExitStatus => _ending.IsCompletedSuccessfully ? _ending.Result : null;

    public IReadOnlyList<string> LastLines
    {
        get
        {
            if (!_disposed)
            {
                try
                {
                    _lastLines = ReadLog().WaitAsync(LogPatience).GetAwaiter().GetResult();
                }
                catch (Exception e) when (e is DockerApiException or HttpRequestException or IOException or TimeoutException or OperationCanceledException)
                {
                    // The log is only evidence: what was read before is kept.
                }
            }

            return _lastLines;
        }
    }

    /// <summary>Makes a container and starts it.</summary>
    /// <param name="complete">Completes what the engine is asked to make.</param>
    /// <exception cref="EngineException">The engine broke.</exception>
    /// <exception cref="DockerApiException">The engine refuses.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static RunningContainer Start(
        ContainerEngine engine, ContainerImage image, int memoryMiB, Action<CreateContainerParameters> complete, CancellationToken cancellation)
    {
        string name = $"vsockspec-{Environment.ProcessId}-{Guid.NewGuid():N}";
        engine.Guardian.Watch(name);
        try
        {
            IContainer container = new ContainerBuilder(new DockerImage(image.Id))
                .WithDockerEndpoint(engine.Endpoint)
                .WithName(name)
                .WithImagePullPolicy(PullPolicy.Never)
                .WithCleanUp(false)
                .WithLogger(NullLogger.Instance)
                .WithCreateParameterModifier(complete)
                .Build();
            engine.Ask("start a container", () => container.StartAsync(cancellation), cancellation);
            ContainerInspectResponse started = engine.Ask("inspect a container", () => engine.Client.Containers.InspectContainerAsync(name, cancellation), cancellation);
            return new RunningContainer(engine, name, started.ID, started.State?.Pid ?? 0, memoryMiB);
        }
        catch
        {
            Remove(engine, name);
            throw;
        }
    }

    /// <exception cref="EngineException">The engine cannot tell any more.</exception>
    public bool WaitForExit(TimeSpan time) =>
        Ends(time) || (_ending.IsFaulted ? throw new EngineException($"the container engine at {_engine.Socket} lost the container {_name}: {_ending.Exception.InnerException?.Message}") : false);

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        if (!HasExited)
        {
            Signal("SIGTERM");
            if (!Ends(TermPatience))
            {
                Signal("SIGKILL");
                _ = Ends(KillPatience);
            }
        }

        _disposed = true;
        Remove(_engine, _name);
    }

    private bool Ends(TimeSpan time)
    {
        _ = ((IAsyncResult)_ending).AsyncWaitHandle.WaitOne(time);
        return _ending.IsCompletedSuccessfully;
    }

    private async Task<string> Watch()
    {
        ContainerWaitResponse end = await _engine.Client.Containers.WaitContainerAsync(_id).ConfigureAwait(false);
        ContainerInspectResponse container = await _engine.Client.Containers.InspectContainerAsync(_id).ConfigureAwait(false);
        string memory = container.State is { OOMKilled: true } ? $", out of memory: the limit is {_memoryMiB} MiB" : "";
        return ProcessStatus.Describe((int)end.StatusCode) + memory;
    }

    private async Task<IReadOnlyList<string>> ReadLog()
    {
        ContainerLogsParameters last = new() { ShowStdout = true, ShowStderr = true, Tail = $"{KeptLines}" };
        using MultiplexedStream log = await _engine.Client.Containers.GetContainerLogsAsync(_id, last).ConfigureAwait(false);
        LineTail tail = new();
        await tail.Follow(async buffer => (await log.ReadOutputAsync(buffer, 0, buffer.Length, CancellationToken.None).ConfigureAwait(false)).Count).ConfigureAwait(false);
        return tail.Lines;
    }

    private void Signal(string signal)
    {
        try
        {
            _engine.Ask($"send {signal}", () => _engine.Client.Containers.KillContainerAsync(_id, new ContainerKillParameters { Signal = signal }));
        }
        catch (Exception e) when (e is EngineException or DockerApiException)
        {
            // It ended meanwhile, or the engine did: its removal follows in any case.
        }
    }

    /// <summary>What cannot be removed now stays with the guardian, which tries again when we end.</summary>
    private static void Remove(ContainerEngine engine, string name)
    {
        try
        {
            engine.Ask("remove a container", () => engine.Client.Containers.RemoveContainerAsync(name, new ContainerRemoveParameters { Force = true, RemoveVolumes = true }));
            engine.Guardian.Release(name);
        }
        catch (DockerContainerNotFoundException)
        {
            engine.Guardian.Release(name);
        }
        catch (Exception e) when (e is EngineException or DockerApiException)
        {
            // The guardian's turn.
        }
    }
}
