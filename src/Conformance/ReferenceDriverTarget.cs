using System.Collections.Concurrent;
using System.Diagnostics;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Reference.Driver;
using Vsockspec.Targets;

namespace Vsockspec.Conformance;

/// <summary>The reference driver on a thread of this process, as it stands or with one part replaced.</summary>
public sealed class ReferenceDriverTarget(string name, Func<DriverParts> parts) : IDriverTarget
{
    public string Name { get; } = name;

    public string? Version => typeof(ReferenceDriver).Assembly.GetName().Version?.ToString(3);

    public TargetRole Role => TargetRole.Driver;

    public string Transport => "vhost-user";

    public string? Digest => null;

    public IReadOnlyList<string>? Claims => null;

    public bool CanRestart => true;

    public IGuestSource Guests { get; } = new Source(parts);

    private sealed class Source(Func<DriverParts> parts) : IGuestSource
    {
        /// <summary>Short, so that cases about the close timeout do not wait long.</summary>
        private static readonly TimeSpan CloseTimeout = TimeSpan.FromMilliseconds(500);

        private static readonly TimeSpan BootLimit = TimeSpan.FromSeconds(10);

        public Guest Boot(GuestVsock device, CancellationToken cancellation)
        {
            string socket = device is GuestVsock.VhostUser back ? back.Socket : throw new GuestException("the reference driver reaches vhost-user devices only");
            (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
            ConcurrentQueue<string> lines = new();
            long begin = Stopwatch.GetTimestamp();
            Machine machine = new(ReferenceDriver.Start(socket, theirs, parts(), new DriverOptions { CloseTimeout = CloseTimeout }, lines.Enqueue), lines);
            AgentClient agent = new(new AgentConnection(ours, () => string.Concat(machine.LastLines.Select(line => $"\n  {line}"))));
            InstanceFolder folder = InstanceFolder.Create();
            try
            {
                AgentHello hello = agent.Hello.WaitAsync(BootLimit, cancellation).GetAwaiter().GetResult();
                return new Guest(machine, folder, agent, hello, Stopwatch.GetElapsedTime(begin), null)
                {
                    Machine = new GuestMachine("reference driver", "native", null),
                    Kernel = GuestKernel.Foreign,
                    ImageDigest = "",
                };
            }
            catch (Exception e)
            {
                agent.Dispose();
                machine.Dispose();
                folder.Dispose();
                if (e is TimeoutException or GuestLostException)
                {
                    throw new GuestException($"the reference driver did not come up: {machine.Fault ?? e.Message}", e);
                }

                throw;
            }
        }
    }

    private sealed class Machine(ReferenceDriver driver, ConcurrentQueue<string> lines) : IGuestMachine
    {
        private const int Kept = 100;

        public int Id => Environment.ProcessId;

        public bool HasExited => driver.HasExited;

        public string? Fault => driver.Fault;

        public IReadOnlyList<string> LastLines => [.. lines.TakeLast(Kept), .. driver.Fault is { } fault ? (string[])[fault] : []];

        public bool WaitForExit(TimeSpan time) => driver.Completion.Wait(time);

        public void Dispose() => driver.Dispose();
    }
}
