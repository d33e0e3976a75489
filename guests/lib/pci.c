#include "pci.h"

static void choose(u32 device, u32 offset)
{
    out32(0xCF8, 0x80000000u | device << 11 | (offset & 0xFC));
}

u32 pci_read(u32 device, u32 offset, u32 bytes)
{
    choose(device, offset);
    u16 port = (u16)(0xCFC + (offset & 3));
    return bytes == 1 ? in8(port) : bytes == 2 ? in16(port) : in32(port);
}

void pci_write(u32 device, u32 offset, u32 bytes, u32 value)
{
    choose(device, offset);
    u16 port = (u16)(0xCFC + (offset & 3));
    if (bytes == 1)
        out8(port, (u8)value);
    else if (bytes == 2)
        out16(port, (u16)value);
    else
        out32(port, value);
}

u32 pci_find(u32 id)
{
    for (u32 device = 1; device < 32; device++)
        if (pci_read(device, 0, 4) == id)
            return device;
    return 0;
}
