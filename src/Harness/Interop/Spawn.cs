using System.Runtime.InteropServices;

namespace Vsockspec.Interop;

/// <summary>posix_spawn(3), which Tmds.LibC lacks, and which gives a new process exactly the descriptors that it is to have.</summary>
internal static unsafe partial class Spawn
{
    private const short NewSession = 0x80;

    /// <summary>glibc's and musl's posix_spawn_file_actions_t have 80 bytes, posix_spawnattr_t 336.</summary>
    private const int StructureBytes = 512;

    /// <summary>
    /// Starts a program in a session of its own. Beside what it is given it inherits only descriptors that are not close-on-exec, and .NET opens none such.
    /// </summary>
    /// <param name="program">Full path.</param>
    /// <param name="environment"><c>NAME=value</c>.</param>
    /// <param name="descriptors">Ours, and the number that the program knows each under.</param>
    /// <returns>Its process id.</returns>
    /// <exception cref="ErrnoException">It cannot be started.</exception>
    public static int InSession(string program, IReadOnlyList<string> arguments, IReadOnlyList<string> environment, params ReadOnlySpan<(SafeHandle Ours, int Theirs)> descriptors)
    {
        byte* actions = stackalloc byte[StructureBytes];
        byte* attributes = stackalloc byte[StructureBytes];
        Check("posix_spawn_file_actions_init", InitActions(actions));
        Check("posix_spawnattr_init", InitAttributes(attributes));
        nint argv = 0;
        nint envp = 0;
        try
        {
            Check("posix_spawnattr_setflags", SetFlags(attributes, NewSession));
            foreach ((SafeHandle ours, int theirs) in descriptors)
            {
                Check("posix_spawn_file_actions_adddup2", AddDuplicate(actions, (int)ours.DangerousGetHandle(), theirs));
            }

            argv = Texts([program, .. arguments]);
            envp = Texts(environment);
            Check($"posix_spawn({program})", Start(out int id, program, actions, attributes, argv, envp));
            return id;
        }
        finally
        {
            Free(argv);
            Free(envp);
            _ = DestroyActions(actions);
            _ = DestroyAttributes(attributes);
        }
    }

    private static void Check(string call, int errno)
    {
        if (errno != 0)
        {
            throw new ErrnoException(call, errno);
        }
    }

    /// <summary>An array of C strings with a null at its end.</summary>
    private static nint Texts(IReadOnlyList<string> texts)
    {
        nint* array = (nint*)NativeMemory.AllocZeroed((nuint)(texts.Count + 1), (nuint)sizeof(nint));
        for (int i = 0; i < texts.Count; i++)
        {
            array[i] = Marshal.StringToCoTaskMemUTF8(texts[i]);
        }

        return (nint)array;
    }

    private static void Free(nint array)
    {
        for (nint* text = (nint*)array; text is not null && *text != 0; text++)
        {
            Marshal.FreeCoTaskMem(*text);
        }

        NativeMemory.Free((void*)array);
    }

    [LibraryImport("libc", EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Start(out int id, string path, void* actions, void* attributes, nint argv, nint envp);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int InitActions(void* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    private static partial int AddDuplicate(void* actions, int ours, int theirs);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static partial int DestroyActions(void* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static partial int InitAttributes(void* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static partial int SetFlags(void* attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    private static partial int DestroyAttributes(void* attributes);
}
