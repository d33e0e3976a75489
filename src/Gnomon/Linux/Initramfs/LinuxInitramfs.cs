using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Gnomon.Linux;

/// <summary>Builds the RAM disk of a small Linux: busybox, the modules, and a first program that runs a shell or a script.</summary>
/// <remarks>The first program mounts proc, sysfs, devtmpfs and tmpfs, loads the modules, and runs the script with no input, or a shell with
/// job control. At the end it prints a line <c>gnomon: ended with status N</c>, writes /out to the disk if there is one, and ends the
/// guest.</remarks>
public static class LinuxInitramfs
{
    /// <summary>What stands before the exit status in the line that the guest prints last.</summary>
    public const string StatusMarker = "gnomon: ended with status ";

    private const int Executable = 0b111_101_101;
    private const string ModuleFolder = "/lib/gnomon";

    /// <summary>Builds it.</summary>
    /// <param name="options">What it is made of.</param>
    /// <returns>The archive's bytes; the same options give the same.</returns>
    /// <exception cref="LinuxFileException">A file cannot be where it shall be, or a device's name is none.</exception>
    public static byte[] Build(LinuxInitramfsOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        CheckBusybox(options.Busybox.Span);
        CpioArchive archive = new();
        foreach (string folder in (string[])["bin", "dev", "etc", "lib", "mnt", "out", "proc", "root", "run", "sbin", "sys", "tmp", "usr/bin", "usr/sbin"])
        {
            archive.AddDirectory(folder);
        }

        // Before devtmpfs is mounted, the kernel opens /dev/console for the first program.
        archive.AddDevice("/dev/console", isBlock: false, 5, 1);
        archive.AddDevice("/dev/null", isBlock: false, 1, 3, 0b110_110_110);
        archive.AddFile("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"u8.ToArray());
        archive.AddFile("/etc/group", "root:x:0:\n"u8.ToArray());
        archive.AddFile("/bin/busybox", options.Busybox, Executable);
        IReadOnlyList<string> applets = BusyboxApplets.Find(options.Busybox.Span);
        foreach (string applet in applets)
        {
            if (applet != "busybox")
            {
                archive.AddSymbolicLink($"/bin/{applet}", "busybox");
            }
        }

        for (int i = 0; i < options.Modules.Count; i++)
        {
            archive.AddFile(string.Create(CultureInfo.InvariantCulture, $"{ModuleFolder}/{i:D2}-{options.Modules[i].Name}.ko"), options.Modules[i].Content);
        }

        if (options.Script is { } script)
        {
            archive.AddFile("/script", script, Executable);
        }

        archive.AddFile("/init", Encoding.UTF8.GetBytes(InitScript(options, applets.Count > 0)), Executable);
        foreach (GuestFile file in options.Files)
        {
            if (file.Content is { } content)
            {
                archive.AddFile(file.Path, content, file.IsExecutable ? Executable : 0b110_100_100);
            }
            else
            {
                archive.AddDirectory(file.Path);
            }
        }

        return archive.ToArray();
    }

    // System V ABI: e_machine at 18; a program header of type 3 names an interpreter, which the guest does not have.
    private static void CheckBusybox(ReadOnlySpan<byte> busybox)
    {
        if (busybox.Length < 52 || !busybox.StartsWith("\u007FELF"u8) || busybox[4] != 1 || busybox[18] != 3)
        {
            throw new LinuxFileException("The busybox is no program for 32-bit x86: take the one of Debian's busybox-static for i386.");
        }

        int table = BinaryPrimitives.ReadInt32LittleEndian(busybox[28..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(busybox[44..]);
        for (int i = 0; i < count && table >= 0 && table + ((i + 1) * 32L) <= busybox.Length; i++)
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(busybox[(table + (i * 32))..]) == 3)
            {
                throw new LinuxFileException("The busybox needs shared libraries: take the one of Debian's busybox-static for i386.");
            }
        }
    }

    private static string DeviceName(string name) =>
        name.Length is > 0 and < 32 && name.All(char.IsAsciiLetterOrDigit)
            ? name
            : throw new LinuxFileException($"\"{name}\" is no name of a device in /dev.");

    private static string InitScript(LinuxInitramfsOptions options, bool hasLinks)
    {
        string console = DeviceName(options.Console);
        StringBuilder text = new();
        text.Append(
            $$"""
            #!/bin/busybox sh
            export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=linux PS1='\w # '
            b=/bin/busybox
            $b mount -t proc proc /proc
            $b mount -t sysfs sysfs /sys
            $b mount -t devtmpfs dev /dev
            $b mkdir -p /dev/pts /dev/shm
            $b mount -t devpts devpts /dev/pts
            $b mount -t tmpfs tmpfs /dev/shm
            $b mount -t tmpfs tmpfs /tmp
            $b mount -t tmpfs tmpfs /run
            {{(hasLinks ? "" : "$b --install -s /bin")}}
            for module in {{ModuleFolder}}/*.ko; do
              [ ! -e "$module" ] || insmod "$module" || echo "gnomon: the module $module cannot be loaded"
            done
            await() {
              tries=0
              while [ ! -e "$1" ] && [ $tries -lt 100 ]; do
                usleep 50000
                tries=$((tries + 1))
              done
              [ -e "$1" ] || echo "gnomon: there is no $1" >/dev/kmsg
            }
            await /dev/{{console}}
            exec </dev/{{console}} >/dev/{{console}} 2>&1
            hostname gnomon
            ip link set lo up 2>/dev/null
            cd /root

            """);
        if (options.Script is { } script)
        {
            text.Append(script.Span.StartsWith("#!"u8) ? "/script </dev/null\n" : "sh /script </dev/null\n");
        }
        else
        {
            // A serial line does not know how large the terminal at its other end is. With the handshake nothing typed is lost.
            text.Append("stty rows 25 cols 80 crtscts\nsetsid -c sh -i\n");
        }

        // The end of a shell that had the console as its terminal hangs the console up for all who have it open.
        text.Append(CultureInfo.InvariantCulture, $"status=$?\nexec </dev/{console} >/dev/{console} 2>&1\ncd /\n");
        if (options.OutDevice is { } device)
        {
            text.Append(OutDisk.Script($"/dev/{DeviceName(device)}"));
        }

        // Setting a terminal waits until it has sent all that was written; a machine that ends first would swallow the last lines.
        text.Append(
            $"""
            echo "{StatusMarker}$status"
            sync
            stty opost
            {(options.Ending == GuestEnding.Reboot ? "reboot -f" : "poweroff -f")}
            while :; do sleep 3600; done

            """);

        // A source file that was checked out on Windows has other line ends.
        return text.ToString().ReplaceLineEndings("\n");
    }
}
