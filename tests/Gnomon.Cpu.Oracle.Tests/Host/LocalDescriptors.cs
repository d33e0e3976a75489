namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>One descriptor of the LDT, in the terms of Linux's modify_ldt; all are at DPL 3 and have their accessed bit set.</summary>
/// <param name="Base">The linear base address.</param>
/// <param name="Limit">The 20-bit limit, in bytes, or in pages where <paramref name="InPages"/>.</param>
/// <param name="Contents">0 data, 1 expand-down data, 2 code, 3 conforming code.</param>
/// <param name="Restricted">Data that can only be read, code that can only be executed.</param>
/// <param name="Is32Bit">The D/B bit.</param>
internal readonly record struct LocalDescriptor(
    uint Base, uint Limit, uint Contents, bool Restricted, bool Is32Bit, bool InPages = false, bool Present = true)
{
    /// <summary>The eight bytes of the descriptor as the processor sees them (Intel SDM vol. 3, 3.4.5).</summary>
    public ulong Raw
    {
        get
        {
            uint type = 1 | (Restricted ? 0u : 2u) | (Contents << 2);
            uint low = (Limit & 0xFFFF) | (Base << 16);
            uint high = ((Base >> 16) & 0xFF) | (type << 8) | (1u << 12) | (3u << 13) | (Present ? 1u << 15 : 0) | (Limit & 0xF_0000)
                | (Is32Bit ? 1u << 22 : 0) | (InPages ? 1u << 23 : 0) | (Base & 0xFF00_0000);
            return low | ((ulong)high << 32);
        }
    }

    /// <summary>The flags word of Linux's struct user_desc.</summary>
    public uint UserFlags => (Is32Bit ? 1u : 0) | (Contents << 1) | (Restricted ? 8u : 0) | (InPages ? 16u : 0) | (Present ? 0u : 32u);
}

/// <summary>The LDT of every case. A tested processor must present the same descriptors.</summary>
internal static class LocalDescriptors
{
    /// <summary>16-bit offsets from here on reach the high data window, as they reach the low one in a flat segment.</summary>
    private const uint WindowBase = AddressMap.HighData - AddressMap.LowData;

    /// <summary>What FS is in a case that does not say otherwise: its limit ends 256 bytes before the read-only page.</summary>
    public static readonly ushort DefaultFs = Selector(0);

    /// <summary>What GS is in a case that does not say otherwise: a 16-bit expand-down segment; offsets of the window's first 256 bytes are outside it.</summary>
    public static readonly ushort DefaultGs = Selector(1);

    public static readonly LocalDescriptor[] All =
    [
        new(WindowBase, AddressMap.LowData + AddressMap.WritableBytes - 0x101, 0, Restricted: false, Is32Bit: true),
        new(WindowBase, AddressMap.LowData + 0xFF, 1, Restricted: false, Is32Bit: false),
        new(0, 0xF_FFFF, 0, Restricted: true, Is32Bit: true, InPages: true),
        new(0, 0xF_FFFF, 2, Restricted: false, Is32Bit: true, InPages: true),
        new(0, 0xF_FFFF, 2, Restricted: true, Is32Bit: true, InPages: true),

        // Linux lets no program have a conforming segment that is present.
        new(0, 0xF_FFFF, 3, Restricted: false, Is32Bit: true, InPages: true, Present: false),
        new(0, 0xF_FFFF, 0, Restricted: false, Is32Bit: true, InPages: true, Present: false),
        new(AddressMap.HighData, 0xFFF, 1, Restricted: false, Is32Bit: true),
        new(AddressMap.HighData, 0x1, 0, Restricted: false, Is32Bit: true, InPages: true),
        new(WindowBase, 0xFFFF, 0, Restricted: false, Is32Bit: false),
    ];

    /// <summary>The selector of entry <paramref name="index"/> of the LDT, at RPL 3.</summary>
    public static ushort Selector(int index) => (ushort)((index << 3) | 7);
}
