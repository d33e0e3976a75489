using System.Text;
using Gnomon.Linux;
using Gnomon.Linux.Tests.Fixture;
using Gnomon.Monitor;

namespace Gnomon.Linux.Tests.Qemu;

/// <summary>What this project builds, under another machine: Debian's kernels in QEMU.</summary>
public sealed class QemuTests
{
    private const string CommandLine = "console=ttyS0 panic=-1 cryptomgr.notests";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Boot_Script_StatusAndFilesComeBackByTheDisk(bool pae)
    {
        _ = Oracle.Tool("qemu-system-i386");
        KernelPackage kernel = DebianPackages.Kernel(pae);
        byte[] payload = [.. Enumerable.Range(0, 70_000).Select(i => (byte)(i * i >> 5))];
        byte[] initramfs = LinuxInitramfs.Build(new LinuxInitramfsOptions
        {
            Busybox = DebianPackages.Busybox(),
            Modules = kernel.Modules,
            Script = Encoding.UTF8.GetBytes(
                """
                uname -r
                lsmod | cut -d' ' -f1 | sort | tr '\n' ' '; echo
                cd /out
                mkdir -p "deep/er folder"
                cp /data/payload "deep/er folder/copy"
                ln "deep/er folder/copy" linked
                ln -s /etc/passwd stolen
                mknod device c 1 3
                echo "echo hi" >run.sh; chmod 755 run.sh
                echo "from $(hostname)" >$(printf 'n%.0s' $(seq 1 150))
                exit 42

                """),
            Files = [new GuestFile("/data/payload", payload, false)],
            OutDevice = "vda",
        });
        using TemporaryFolder folder = new();
        string disk = folder.File("disk", new byte[4 << 20]);
        string console = QemuMachine.Run(
            [
                "-m", "128", "-kernel", folder.File("vmlinuz", kernel.Vmlinuz.Span), "-initrd", folder.File("initrd", initramfs),
                "-append", CommandLine + " quiet", "-drive", $"file={disk},format=raw,if=virtio", "-device", "virtio-rng-pci",
            ],
            seconds: 100);
        Assert.Contains(kernel.Release, console, StringComparison.Ordinal);
        Assert.Contains("virtio_blk virtio_console virtio_net virtio_pci virtio_pci_legacy_dev virtio_pci_modern_dev virtio_ring virtio_rng", console, StringComparison.Ordinal);
        Assert.Contains($"{LinuxInitramfs.StatusMarker}42\n", console, StringComparison.Ordinal);

        string target = Path.Combine(folder.Path, "back");
        using FileStream back = File.OpenRead(disk);
        OutResult result = OutDisk.Read(back, target, new OutLimits());
        Assert.Equal(42, result.Status);
        Assert.Equal(payload, File.ReadAllBytes(Path.Combine(target, "deep", "er folder", "copy")));
        Assert.Equal(payload, File.ReadAllBytes(Path.Combine(target, "linked")));
        Assert.Equal("from gnomon\n", File.ReadAllText(Path.Combine(target, new string('n', 150))));
        Assert.True(OperatingSystem.IsWindows() || (File.GetUnixFileMode(Path.Combine(target, "run.sh")) & UnixFileMode.UserExecute) != 0);
        Assert.Equal(4, result.Files);
        Assert.Equal(2, result.Problems.Count);
        Assert.False(Path.Exists(Path.Combine(target, "stolen")) || Path.Exists(Path.Combine(target, "device")));
    }

    [Theory]
    [InlineData(false, BootProtocol.Elf)]
    [InlineData(true, BootProtocol.Elf)]
    [InlineData(true, BootProtocol.Pvh)]
    [InlineData(false, BootProtocol.BzImage32)]
    public void Load_StateOfTheLoader_BootsToAShellWithJobControl(bool pae, BootProtocol protocol)
    {
        _ = Oracle.Tool("qemu-system-i386");
        KernelPackage kernel = DebianPackages.Kernel(pae);
        byte[] initramfs = LinuxInitramfs.Build(new LinuxInitramfsOptions
        {
            Busybox = DebianPackages.Busybox(),
            Ending = GuestEnding.Reboot,
        });
        Assert.False(kernel.Vmlinux.IsEmpty);
        byte[] file = (protocol == BootProtocol.BzImage32 ? kernel.Vmlinuz : kernel.Vmlinux).ToArray();
        using LoadedGuest guest = new(file, new LinuxBootOptions { CommandLine = CommandLine + " nokaslr", RamDisk = initramfs, Protocol = protocol }, memoryMiB: 96);
        using TemporaryFolder folder = new();
        string console = QemuMachine.Run(
            EntryRom.Arguments(folder, guest.Memory, guest.Boot),
            seconds: 100,
            ("~ # ", "sleep 1000 &\n"),
            ("~ # ", "jobs; kill %1; echo $((6 * 7)); tty; sh -c 'echo ready; exec sleep 1000'\n"),
            ("ready\r", "\u0003"),
            ("~ # ", "exit 5\n"));
        Assert.Contains("0x0000000000000000-0x000000000009fbff] usable", console, StringComparison.Ordinal);
        Assert.Contains("0x0000000000100000-0x0000000005ffffff] usable", console, StringComparison.Ordinal);
        Assert.Contains("42\n/dev/ttyS0\n", console, StringComparison.Ordinal);
        Assert.DoesNotContain("can't access tty", console, StringComparison.Ordinal);
        Assert.Contains($"{LinuxInitramfs.StatusMarker}5\n", console, StringComparison.Ordinal);
    }
}
