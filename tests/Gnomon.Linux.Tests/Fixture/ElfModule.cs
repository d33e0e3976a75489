using System.Text;

namespace Gnomon.Linux.Tests.Fixture;

/// <summary>Makes kernel modules that have a .modinfo section and nothing else.</summary>
internal static class ElfModule
{
    public static byte[] Of(string? information, Action<byte[]>? change = null)
    {
        byte[] names = Encoding.ASCII.GetBytes(information is null ? "\0.text\0.shstrtab\0" : "\0.modinfo\0.shstrtab\0");
        byte[] content = Encoding.UTF8.GetBytes(information ?? "");
        int table = (52 + names.Length + content.Length + 3) & ~3;
        byte[] file = new byte[table + (3 * 40)];
        "\u007FELF"u8.CopyTo(file);
        (file[4], file[5], file[6]) = (1, 1, 1);
        KernelFile.Put16(file, 16, 1);
        KernelFile.Put16(file, 18, 3);
        KernelFile.Put32(file, 32, (uint)table);
        KernelFile.Put16(file, 46, 40);
        KernelFile.Put16(file, 48, 3);
        KernelFile.Put16(file, 50, 2);
        names.CopyTo(file, 52);
        content.CopyTo(file, 52 + names.Length);
        Section(file, table + 40, 1, 52 + names.Length, content.Length);
        Section(file, table + 80, Array.LastIndexOf(names, (byte)'.'), 52, names.Length);
        change?.Invoke(file);
        return file;
    }

    private static void Section(byte[] file, int at, int name, int offset, int size)
    {
        KernelFile.Put32(file, at, (uint)name);
        KernelFile.Put32(file, at + 16, (uint)offset);
        KernelFile.Put32(file, at + 20, (uint)size);
    }
}
