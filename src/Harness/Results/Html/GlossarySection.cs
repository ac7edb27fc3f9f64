using Vsockspec.Cases;

namespace Vsockspec.Results.Html;

/// <summary>The words that the report uses, for somebody who meets vsock for the first time.</summary>
internal sealed class GlossarySection : ISection
{
    private static readonly (string Word, string Meaning)[] Words =
    [
        ("vsock", "Sockets between a virtual machine and the machine that runs it, without a network. Programs use them like TCP sockets; the address is a CID and a port."),
        ("guest", "The virtual machine."),
        ("host", "The machine that runs the guest, and the programs on it that guests talk to."),
        ("device", "The host's side of vsock: part of a hypervisor, a process of its own or a kernel. It carries data between the guest's rings and the host's programs."),
        ("driver", "The guest's side of vsock: part of the guest's kernel."),
        ("virtio", "The standard by which drivers and devices exchange data through memory that both see."),
        ("ring", "A queue in that memory (a virtqueue). A vsock device has one for each direction, tx and rx, and one for events. Split and packed are two layouts of it."),
        ("tx", "The ring from driver to device."),
        ("rx", "The ring from device to driver: the driver puts empty buffers in, the device fills them."),
        ("chain", "The buffers of one packet, described one by one. In this report 44r is a buffer of 44 bytes that the device reads, 4096w one of 4096 bytes that it writes, "
            + "7rx6 six of 7 bytes; a table is a list of buffers outside of the ring (indirect descriptors); used is how many bytes the device said it wrote."),
        ("event index", "A way to ask for a notification only when a certain place in a ring is reached (event_idx)."),
        ("CID", "Context id, the address of a guest or of the host. The host is 2."),
        ("flow", "One connection: the CID and port of both sides, and its type."),
        ("stream", "A connection that carries bytes, as TCP does."),
        ("seqpacket", "A connection that keeps messages apart."),
        ("credit", "Each side tells how large its receive buffer is (buf_alloc) and how much it has taken out of it (fwd_cnt). With what was sent so far (tx_cnt) that gives "
            + "how many bytes may still be sent. Sending more is an overrun."),
        ("REQUEST, RESPONSE", "Open a connection, and accept it."),
        ("RW", "Carries data."),
        ("CREDIT_UPDATE, CREDIT_REQUEST", "Tell of credit, and ask for it."),
        ("SHUTDOWN, RST", "Say that no more will be sent or received, and end or refuse a connection."),
        ("MUST, SHOULD, MAY", "How strict a rule is: an obligation, a recommendation, a permission. A described rule is stated in prose without such a word; breaking it is a failure."),
        ("conformance clause", "Clause 7 of the specification lists the rules that an implementation is held to. Some rules are missing from that list; they are marked as not listed."),
        ("test", "A case of this suite with a permanent id, VSC and a number. A variant is the same test with rings of another layout."),
        ("auditor", "A judge of its own that reads every packet and ring operation of every test, whatever the test is about."),
        ("trace", "The packets of a test in a file that Wireshark reads."),
        ("seed", "The number that all random choices of a run follow from; the same seed gives the same run."),
        ("mutant", "A device or driver with exactly one rule broken on purpose. A suite is only worth something if it catches them."),
    ];

    public string Id => "words";

    public string Title => "Words";

    public void Write(HtmlWriter html)
    {
        using (html.Open(Tag.Dl, Attr.Class("facts words")))
        {
            foreach ((string word, string meaning) in Words)
            {
                html.Element(Tag.Dt, word, Attr.Id(Anchor.OfWord(word).Name));
                html.Element(Tag.Dd, meaning);
            }

            foreach (Verdict verdict in Enum.GetValues<Verdict>())
            {
                Status status = Status.Of(verdict);
                using (html.Fact(""))
                {
                    html.Chip(status);
                    html.Text(" " + status.Meaning);
                }
            }
        }
    }
}
