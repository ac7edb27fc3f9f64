namespace Vsockspec.Agent;

/// <summary>A busybox shell for people on a terminal of the guest, started again when it ends.</summary>
internal static class Shell
{
    private const string BusyBox = "/bin/busybox";

    public static void Start(string terminal)
    {
        if (File.Exists(BusyBox))
        {
            new Thread(() => Serve(terminal)) { IsBackground = true }.Start();
        }
    }

    /// <summary>
    /// The shell reads from a pipe, so that it does not edit lines as on a terminal, and the line does not echo: the people's own terminal does both.
    /// </summary>
    private static void Serve(string terminal)
    {
        string script = $"{BusyBox} stty -echo; {BusyBox} cat | {BusyBox} sh -i";
        string?[] arguments = [BusyBox, "setsid", "-c", BusyBox, "sh", "-c", $"({script}) <{terminal} >{terminal} 2>&1", null];
        string?[] environment = ["PATH=/bin", "HOME=/", "TERM=dumb", "PS1=guest# ", null];
        int process = 0;
        while (Libc.Spawn(ref process, BusyBox, 0, 0, arguments, environment) == 0)
        {
            int status = 0;
            while (Libc.WaitProcess(process, ref status, 0) < 0 && System.Runtime.InteropServices.Marshal.GetLastPInvokeError() == Libc.Eintr)
            {
            }
        }
    }
}
