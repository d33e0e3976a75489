// The disk from the kernel: what is written is read back, and what was there before is put back.
#include "../lib/frames.h"
#include "../lib/text.h"
#include "process.h"

static u32 sectors(void)
{
    u8 *data = virt(take_low());
    u32 count = block_sectors();
    EXPECT(count >= 16);
    EXPECT(block_io(BLOCK_READ, 0, data) == 0);
    EXPECT(block_io(BLOCK_READ, count - 1, data) == 0);
    EXPECT(block_io(BLOCK_READ, count, data) == 1); // behind the end
    EXPECT(block_io(77, 0, data) == 2);             // no such request
    drop_frame(phys(data));
    return 0;
}

static u32 write_and_read(void)
{
    u8 *old = virt(take_low()), *data = virt(take_low());
    u32 last = block_sectors() - 1;
    for (u32 i = 0; i < 8; i++)
        EXPECT(block_io(BLOCK_READ, last - i, old + i * 512) == 0);
    if (block_read_only()) {
        EXPECT(block_io(BLOCK_WRITE, last, old) == 1);
    } else {
        for (u32 i = 0; i < 8; i++) {
            memset(data, (int)(0x40 + i), 512);
            EXPECT(block_io(BLOCK_WRITE, last - i, data) == 0);
        }
        EXPECT(block_io(BLOCK_FLUSH, 0, data) == 0);
        for (u32 i = 0; i < 8; i++) {
            EXPECT(block_io(BLOCK_READ, last - i, data) == 0);
            EXPECT(data[0] == 0x40 + i && data[511] == 0x40 + i);
            EXPECT(block_io(BLOCK_WRITE, last - i, old + i * 512) == 0);
        }
        for (u32 i = 0; i < 8; i++) {
            EXPECT(block_io(BLOCK_READ, last - i, data) == 0);
            EXPECT(!memcmp(data, old + i * 512, 512));
        }
    }
    drop_frame(phys(data));
    drop_frame(phys(old));
    return 0;
}

const struct named_check device_checks[] = {
    { "disk-sectors", sectors },
    { "disk-write", write_and_read },
    { 0 },
};
