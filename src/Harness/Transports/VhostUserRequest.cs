namespace Vsockspec.Transports;

/// <summary>Requests of the front end: the chapter "Front-end message types" of QEMU's docs/interop/vhost-user.rst.</summary>
public enum VhostUserRequest : uint
{
    GetFeatures = 1,
    SetFeatures = 2,
    SetOwner = 3,
    ResetOwner = 4,
    SetMemTable = 5,
    SetLogBase = 6,
    SetLogFd = 7,
    SetVringNum = 8,
    SetVringAddr = 9,
    SetVringBase = 10,
    GetVringBase = 11,
    SetVringKick = 12,
    SetVringCall = 13,
    SetVringErr = 14,
    GetProtocolFeatures = 15,
    SetProtocolFeatures = 16,
    GetQueueNum = 17,
    SetVringEnable = 18,
    SendRarp = 19,
    NetSetMtu = 20,
    SetBackendReqFd = 21,
    IotlbMsg = 22,
    SetVringEndian = 23,
    GetConfig = 24,
    SetConfig = 25,
    CreateCryptoSession = 26,
    CloseCryptoSession = 27,
    PostcopyAdvise = 28,
    PostcopyListen = 29,
    PostcopyEnd = 30,
    GetInflightFd = 31,
    SetInflightFd = 32,
    GpuSetSocket = 33,
    ResetDevice = 34,
    VringKick = 35,
    GetMaxMemSlots = 36,
    AddMemReg = 37,
    RemMemReg = 38,
    SetStatus = 39,
    GetStatus = 40,
    GetSharedObject = 41,
    SetDeviceStateFd = 42,
    CheckDeviceState = 43,
    GetShmemConfig = 44,
}

/// <summary>Requests of the back end on its own channel: the chapter "Back-end message types".</summary>
public enum VhostUserBackEndRequest : uint
{
    IotlbMsg = 1,
    ConfigChangeMsg = 2,
    VringHostNotifierMsg = 3,
    VringCall = 4,
    VringErr = 5,
    SharedObjectAdd = 6,
    SharedObjectRemove = 7,
    SharedObjectLookup = 8,
}

/// <summary>Facts about requests that both ends need.</summary>
public static class VhostUserRequests
{
    /// <summary>The document's spelling: <c>SET_VRING_NUM</c>; <c>request 99</c> for what it does not know.</summary>
    public static string Name(VhostUserRequest request)
    {
        if (!Enum.IsDefined(request))
        {
            return $"request {(uint)request}";
        }

        string name = request.ToString();
        System.Text.StringBuilder spelled = new();
        for (int i = 0; i < name.Length; i++)
        {
            if (i > 0 && char.IsUpper(name[i]))
            {
                spelled.Append('_');
            }

            spelled.Append(char.ToUpperInvariant(name[i]));
        }

        return spelled.ToString();
    }

    /// <summary>
    /// True for a request that has an answer of its own, whatever REPLY_ACK says (chapter "Communication" and the reply payloads of the requests).
    /// SET_LOG_BASE has one with LOG_SHMFD, without which a vsock back end cannot serve it.
    /// </summary>
    public static bool HasReply(VhostUserRequest request) => request is
        VhostUserRequest.GetFeatures or
        VhostUserRequest.GetProtocolFeatures or
        VhostUserRequest.GetVringBase or
        VhostUserRequest.SetLogBase or
        VhostUserRequest.GetQueueNum or
        VhostUserRequest.IotlbMsg or
        VhostUserRequest.GetConfig or
        VhostUserRequest.GetInflightFd or
        VhostUserRequest.GetMaxMemSlots or
        VhostUserRequest.GetStatus or
        VhostUserRequest.GetSharedObject or
        VhostUserRequest.SetDeviceStateFd or
        VhostUserRequest.CheckDeviceState or
        VhostUserRequest.GetShmemConfig;
}
