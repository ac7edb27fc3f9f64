using Vsockspec.Agent;
using Vsockspec.Guests.Protocol;

// As the first process of a guest it sets the guest up and serves the line that the kernel's command line names; with --stdio it serves its
// standard input and output, on any machine, and opens no vsock sockets there.
const int UsageError = 2;

if (Libc.ProcessId() == 1)
{
    List<string> problems = GuestSetup.Run();
    if (GuestSetup.KernelOption(AgentProtocol.ShellOption) is { } terminal)
    {
        Shell.Start(terminal);
    }

    string line = GuestSetup.KernelOption(AgentProtocol.ChannelOption) ?? "(none)";
    if (Channel.OpenTerminal(line) is not { } channel)
    {
        // The end of the first process is a panic: whoever started the guest sees at once that there is no agent.
        Console.Error.WriteLine($"vsockspec-agent: {AgentProtocol.ChannelOption}={line} on the kernel's command line cannot be opened");
        return 1;
    }

    new Server(channel, isGuest: true).Serve(new AgentHello(GuestSetup.Release(), GuestSetup.UpTime(), problems));
    Console.Error.WriteLine("vsockspec-agent: the client hung up");
    return 0;
}

if (args is not ["--stdio"])
{
    Console.Error.WriteLine("vsockspec-agent: runs as the first process of a guest; to try its protocol here: vsockspec-agent --stdio");
    return UsageError;
}

new Server(new Channel(0, 1), isGuest: false).Serve(new AgentHello(GuestSetup.Release(), GuestSetup.UpTime(), []));
return 0;
