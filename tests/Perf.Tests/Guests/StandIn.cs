using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Tests.Guests;

/// <summary>A program that behaves and speaks as vsock_perf does, of our own: what is tested here needs no kernel source. Disposing removes it.</summary>
internal sealed class StandIn : IDisposable
{
    private const string Source = """
        #include <poll.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <time.h>
        #include <unistd.h>
        #include <sys/socket.h>
        #include <linux/vm_sockets.h>

        static double now(void)
        {
            struct timespec t;
            clock_gettime(CLOCK_MONOTONIC, &t);
            return t.tv_sec + t.tv_nsec / 1e9;
        }

        int main(int argc, char **argv)
        {
            int sender = 0;
            unsigned long long total = 0, size = 0, done = 0;
            struct sockaddr_vm peer = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY };
            for (int i = 1; i + 1 < argc; i += 2) {
                unsigned long long value = strtoull(argv[i + 1], 0, 10);
                if (!strcmp(argv[i], "--sender")) { sender = 1; peer.svm_cid = value; }
                if (!strcmp(argv[i], "--port")) peer.svm_port = value;
                if (!strcmp(argv[i], "--bytes")) total = value;
                if (!strcmp(argv[i], "--buf-size")) size = value;
            }

            char *data = calloc(1, size);
            int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
            if (sender) {
                if (connect(fd, (struct sockaddr *)&peer, sizeof peer)) { perror("connect"); return 1; }
                double begin = now();
                while (done < total) {
                    long n = send(fd, data, size < total - done ? size : total - done, 0);
                    if (n <= 0) { perror("write"); return 1; }
                    done += n;
                }
                printf("total bytes sent: %llu\ntx performance: %f Gbits/s\n", done, done * 8 / 1e9 / (now() - begin));
                close(fd);
                return 0;
            }

            if (bind(fd, (struct sockaddr *)&peer, sizeof peer) || listen(fd, 1)) { perror("bind"); return 1; }
            int client = accept(fd, 0, 0);
            double begin = now();
            long n;
            while ((n = read(client, data, size)) > 0) done += n;
            if (n < 0) { perror("read"); return 1; }
            printf("total bytes received: %llu\nrx performance: %f Gbits/s\n", done, done * 8 / 1e9 / (now() - begin));
            close(client);
            return 0;
        }
        """;

    private readonly InstanceFolder _folder = InstanceFolder.Create();

    public StandIn()
    {
        string source = Path.Combine(_folder.Path, "vsock_perf.c");
        Program = Path.Combine(_folder.Path, "vsock_perf");
        File.WriteAllText(source, Source);
        using Process compiler = Process.Start("cc", ["-static", "-O1", "-o", Program, source]);
        compiler.WaitForExit();
        Assert.That(compiler.ExitCode, Is.Zero, "cc");
    }

    public string Program { get; }

    /// <summary>Where a guest has it.</summary>
    public GuestFile InGuest => new(Perf.Guests.VsockPerfWords.Place, Program);

    public void Dispose() => _folder.Dispose();
}
