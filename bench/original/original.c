/*
 * The original's algorithm, told again in plain C, as a baseline that runs on the same machine in the same minute.
 *
 * Written from docs only: four address-space slots replaced at random; a fault walks the guest's table, pins by looking the
 * page up in an array, and drops what was there; an announced entry is converted at once; a flush scans everything that could
 * be mapped and throws it away. No locks, no atomic operations, no host around it: a lower bound of what it really cost.
 *
 * Two-level by default; -DPAE makes the three-level version. Prints JSON results with the names of `gnomon bench paging`.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef PAE
typedef uint64_t entry_t;
#define FORMAT "pae"
#define INDEX_BITS 9
#define TOP_ENTRIES 4
#else
typedef uint32_t entry_t;
#define FORMAT "two-level"
#define INDEX_BITS 10
#define TOP_ENTRIES 1024
#endif

enum { PRESENT = 1, WRITABLE = 2, USER = 4, ACCESSED = 32, DIRTY = 64, GLOBAL = 256 };
enum { SLOTS = 4, GUEST_PAGES = 16384, POOL_PAGES = 8192, ENTRIES = 1 << INDEX_BITS };

#define KERNEL_ADDRESS 0xc0000000u
#ifdef PAE
#define SWITCHER_ADDRESS 0xffe00000u
#else
#define SWITCHER_ADDRESS 0xffc00000u
#endif
#define FRAME(e) ((uint32_t)((e) >> 12))
#define INDEX(address, level) (((address) >> (12 + ((level) - 1) * INDEX_BITS)) & (ENTRIES - 1))
#define TOP_LEVEL (TOP_ENTRIES == 4 ? 3 : 2)

struct slot {
	uint32_t directory; /* the guest's top-level table, 0 when free */
	entry_t *top;
};

/* What stands behind a guest page, and how many mappings hold it. */
static uint32_t backing[GUEST_PAGES];
static int references[GUEST_PAGES];

static unsigned char *guest;
static unsigned char *pool; /* pages for shadow tables; a table's entry in its parent holds the page's number */
static uint32_t spare[POOL_PAGES];
static int spares;

static struct slot slots[SLOTS];
static struct slot *current;
static uint32_t next_victim = 12345;

static void killed(const char *why)
{
	fprintf(stderr, "the guest was killed: %s\n", why);
	exit(1);
}

static entry_t *table_at(uint32_t page)
{
	return (entry_t *)(pool + ((size_t)page << 12));
}

static uint32_t take_table(void)
{
	uint32_t page;

	if (spares == 0)
		killed("no page for a shadow table");
	page = spare[--spares];
	memset(table_at(page), 0, 4096);
	return page;
}

/*
 * The guest's memory and the pages behind it belong to another process there: entries are copied in and out with a check, and
 * pages are pinned and given back, by calls into the rest of the host. So these four are calls here, too.
 */
#define OTHER_PART __attribute__((noinline))

static OTHER_PART entry_t read_guest(uint32_t physical)
{
	entry_t e;

	if (physical >> 12 >= GUEST_PAGES)
		killed("a table lies outside its memory");
	memcpy(&e, guest + physical, sizeof(e));
	return e;
}

static OTHER_PART void write_guest(uint32_t physical, entry_t e)
{
	if (physical >> 12 >= GUEST_PAGES)
		killed("a table lies outside its memory");
	memcpy(guest + physical, &e, sizeof(e));
}

static OTHER_PART uint32_t pin(uint32_t page)
{
	if (page >= GUEST_PAGES)
		killed("a page lies outside its memory");
	references[backing[page]]++;
	return backing[page];
}

static OTHER_PART void unpin(uint32_t frame)
{
	references[frame]--;
}

/* ---- leaves ---- */

static void drop_leaf(entry_t *leaf)
{
	if (*leaf & PRESENT)
		unpin(FRAME(*leaf));
	*leaf = 0;
}

static entry_t make_leaf(entry_t from, int writing)
{
	uint32_t frame = pin(FRAME(from));

	from &= writing ? 0xfff & ~GLOBAL : 0xfff & ~GLOBAL & ~WRITABLE;
	return ((entry_t)frame << 12) | from;
}

static void check_flags(entry_t upper)
{
	if (upper & 0xf98)
		killed("strange flags in an upper entry");
}

/* ---- walks ---- */

/* Where the guest keeps the leaf entry of an address; 0 when an upper entry is not present. */
static uint32_t guest_leaf(uint32_t directory, uint32_t address)
{
	uint32_t table = directory;
	int level;

	for (level = TOP_LEVEL; level > 1; level--) {
		entry_t e = read_guest(table + INDEX(address, level) * sizeof(entry_t));

		if (!(e & PRESENT))
			return 0;
		check_flags(e);
		table = FRAME(e) << 12;
	}
	return table + INDEX(address, 1) * sizeof(entry_t);
}

/* The shadow's place for an address; missing tables are made only if asked. */
static entry_t *shadow_leaf(struct slot *slot, uint32_t address, int make)
{
	entry_t *table = slot->top;
	int level;

	for (level = TOP_LEVEL; level > 1; level--) {
		entry_t *e = &table[INDEX(address, level)];

		if (!(*e & PRESENT)) {
			if (!make)
				return NULL;
			*e = ((entry_t)take_table() << 12) | PRESENT | (level == 3 ? 0 : WRITABLE | USER);
		}
		table = table_at(FRAME(*e));
	}
	return &table[INDEX(address, 1)];
}

/* ---- the operations ---- */

static int demand_page(uint32_t address, int code)
{
	uint32_t theirs;
	entry_t *ours, e;

	if (address >= SWITCHER_ADDRESS)
		return 0;
	theirs = guest_leaf(current->directory, address);
	if (!theirs || !((e = read_guest(theirs)) & PRESENT))
		return 0;
	if (((code & 2) && !(e & WRITABLE)) || ((code & 4) && !(e & USER)))
		return 0;
	e |= (code & 2) ? ACCESSED | DIRTY : ACCESSED;
	ours = shadow_leaf(current, address, 1);
	drop_leaf(ours);
	*ours = make_leaf(e, (e & DIRTY) != 0);
	write_guest(theirs, e);
	return 1;
}

static int pin_page(uint32_t address)
{
	entry_t *ours = shadow_leaf(current, address, 0);

	if (ours && (*ours & (PRESENT | WRITABLE)) == (PRESENT | WRITABLE))
		return 1;
	return demand_page(address, 2);
}

static struct slot *slot_of(uint32_t directory)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		if (slots[i].top && slots[i].directory == directory)
			return &slots[i];
	return NULL;
}

static void set_pte_in(struct slot *slot, uint32_t address, entry_t e)
{
	entry_t *ours = shadow_leaf(slot, address, 0);

	if (!ours)
		return;
	drop_leaf(ours);
	if (e & (ACCESSED | DIRTY))
		*ours = make_leaf(e, (e & DIRTY) != 0);
}

static void set_pte(uint32_t directory, uint32_t address, entry_t e)
{
	struct slot *slot;
	int i;

	if (address >= SWITCHER_ADDRESS)
		killed("an entry of the host's own range");
	if (address >= KERNEL_ADDRESS) {
		for (i = 0; i < SLOTS; i++)
			if (slots[i].top)
				set_pte_in(&slots[i], address, e);
	} else if ((slot = slot_of(directory))) {
		set_pte_in(slot, address, e);
	}
}

/* Gives back what hangs below an upper entry: every place is looked at. */
static void release(entry_t *upper, int level)
{
	entry_t *table;
	int i;

	if (!(*upper & PRESENT))
		return;
	table = table_at(FRAME(*upper));
	for (i = 0; i < ENTRIES; i++) {
		if (level > 2)
			release(&table[i], level - 1);
		else if (table[i] & PRESENT)
			drop_leaf(&table[i]);
	}
	spare[spares++] = FRAME(*upper);
	*upper = 0;
}

static void flush_slot_below(struct slot *slot, uint32_t end)
{
	uint32_t i, last = end ? INDEX(end, TOP_LEVEL) : TOP_ENTRIES;

	for (i = 0; i < last; i++)
		release(&slot->top[i], TOP_LEVEL);
}

static void flush_user(void)
{
	flush_slot_below(current, KERNEL_ADDRESS);
}

static void clear_all(void)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		if (slots[i].top)
			flush_slot_below(&slots[i], 0);
}

static void load(uint32_t directory)
{
	struct slot *slot = slot_of(directory);

	if (!slot) {
		next_victim = next_victim * 1664525 + 1013904223;
		slot = &slots[(next_victim >> 16) % SLOTS];
		if (!slot->top)
			slot->top = table_at(take_table());
		else
			flush_slot_below(slot, KERNEL_ADDRESS);
		slot->directory = directory;
	}
	current = slot;
}

static uint32_t translate(uint32_t address)
{
	uint32_t theirs = guest_leaf(current->directory, address);
	entry_t e = theirs ? read_guest(theirs) : 0;

	if (!(e & PRESENT))
		killed("an address that is not mapped");
	return (FRAME(e) << 12) | (address & 4095);
}

/* ---- the guest of the measurements ---- */

static uint32_t next_table;

static void reset(void)
{
	uint32_t i;

	memset(guest, 0, (size_t)1024 << 12);
	memset(slots, 0, sizeof(slots));
	memset(references, 0, sizeof(references));
	for (i = 0, spares = 0; i < POOL_PAGES - 1; i++)
		spare[spares++] = POOL_PAGES - 1 - i;
	for (i = 0; i < GUEST_PAGES; i++)
		backing[i] = GUEST_PAGES - 1 - i;
	current = NULL;
	next_table = 1;
}

static uint32_t new_directory(void)
{
	return next_table++ << 12;
}

static void map(uint32_t directory, uint32_t address, entry_t leaf)
{
	uint32_t table = directory;
	int level;

	for (level = TOP_LEVEL; level > 1; level--) {
		uint32_t place = table + INDEX(address, level) * sizeof(entry_t);
		entry_t e = read_guest(place);

		if (!(e & PRESENT)) {
			e = ((entry_t)next_table++ << 12) | PRESENT | (level == 3 ? 0 : WRITABLE | USER | ACCESSED | DIRTY);
			write_guest(place, e);
		}
		table = FRAME(e) << 12;
	}
	write_guest(table + INDEX(address, 1) * sizeof(entry_t), leaf);
}

/* A second directory with the same kernel half. */
static void share_kernel(uint32_t from, uint32_t to)
{
	uint32_t i;

	for (i = INDEX(KERNEL_ADDRESS, TOP_LEVEL); i < TOP_ENTRIES; i++)
		write_guest(to + i * sizeof(entry_t), read_guest(from + i * sizeof(entry_t)));
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int batches = 101;
static int first_result = 1;

static void report(const char *name, double *times)
{
	qsort(times, batches, sizeof(double), ascending);
	printf("%s  {\"operation\": \"%s\", \"format\": \"%s\", \"nanoseconds\": %.2f}", first_result ? "" : ",\n", name, FORMAT, times[batches / 2]);
	first_result = 0;
}

enum { PAGES = 8192, FIRST_PAGE = 2048, LEAF = PRESENT | WRITABLE | USER };
#define BASE 0x10000000u
#define LEAF_OF(i) (((entry_t)(FIRST_PAGE + (i)) << 12) | LEAF)
#define ADDRESS(i) (BASE + ((uint32_t)(i) << 12))
#define KERNEL_PLACE(i) (KERNEL_ADDRESS + ((uint32_t)(i) << 12))

static uint32_t one_space(int pages, entry_t flags)
{
	uint32_t directory;
	int i;

	reset();
	directory = new_directory();
	for (i = 0; i < pages; i++)
		map(directory, ADDRESS(i), LEAF_OF(i) | flags);
	load(directory);
	return directory;
}

static int touch(uint32_t address, int code)
{
	entry_t *ours = shadow_leaf(current, address, 0);

	return (ours && (*ours & PRESENT)) || demand_page(address, code);
}

static void faults(void)
{
	static uint32_t order[PAGES];
	static double times[1001], writes[1001];
	uint32_t directory = one_space(PAGES, 0), random = 1;
	int shuffled, b, i;

	for (i = 0; i < PAGES; i++)
		order[i] = i;
	for (shuffled = 0; shuffled < 2; shuffled++) {
		for (b = 0; b < batches; b++) {
			double start, middle;

			clear_all();
			for (i = 0; i < PAGES; i++)
				write_guest(guest_leaf(directory, ADDRESS(i)), LEAF_OF(i));
			start = now();
			for (i = 0; i < PAGES; i++)
				demand_page(ADDRESS(order[i]), 4);
			middle = now();
			for (i = 0; i < PAGES; i++)
				demand_page(ADDRESS(order[i]), 6);
			times[b] = (middle - start) / PAGES;
			writes[b] = (now() - middle) / PAGES;
		}
		report(shuffled ? "cold-read-random" : "cold-read-sequential", times);
		if (!shuffled)
			report("write-upgrade", writes);
		for (i = PAGES - 1; i > 0; i--) {
			uint32_t j, t;

			random = random * 1664525 + 1013904223;
			j = (random >> 8) % (i + 1);
			t = order[i], order[i] = order[j], order[j] = t;
		}
	}
}

static void updates(void)
{
	static double times[1001], zeros[1001];
	uint32_t directory = one_space(1024, ACCESSED | DIRTY), others[3];
	int b, i;

	for (i = 0; i < 1024; i++)
		demand_page(ADDRESS(i), 6);
	for (b = 0; b < batches; b++) {
		double start = now(), middle;

		for (i = 0; i < 1024; i++)
			set_pte(directory, ADDRESS(i), LEAF_OF((i + b) & 1023) | ACCESSED | DIRTY);
		middle = now();
		for (i = 0; i < 1024; i++)
			set_pte(directory, ADDRESS(i), 0);
		times[b] = (middle - start) / 1024;
		zeros[b] = (now() - middle) / 1024;
	}
	report("set-pte-user", times);
	report("set-pte-zero", zeros);

	reset();
	directory = new_directory();
	for (i = 0; i < 512; i++)
		map(directory, KERNEL_PLACE(i), LEAF_OF(i) | ACCESSED | DIRTY);
	for (i = 0; i < 3; i++)
		share_kernel(directory, others[i] = new_directory());
	while (!slot_of(directory) || !slot_of(others[0]) || !slot_of(others[1]) || !slot_of(others[2])) {
		load(directory);
		for (i = 0; i < 3; i++)
			load(others[i]);
	}
	for (b = 0; b < 4; b++) {
		load(b == 3 ? directory : others[b]);
		for (i = 0; i < 512; i++)
			demand_page(KERNEL_PLACE(i), 2);
	}
	for (b = 0; b < batches; b++) {
		double start = now();

		for (i = 0; i < 512; i++)
			set_pte(directory, KERNEL_PLACE(i), LEAF_OF((i + b) & 511) | ACCESSED | DIRTY);
		times[b] = (now() - start) / 512;
	}
	report("set-pte-kernel-4", times);
}

static void switches(void)
{
	static double times[1001];
	uint32_t spaces[8];
	int b, i, s, round;

	reset();
	for (s = 0; s < 8; s++) {
		spaces[s] = new_directory();
		for (i = 0; i < 64; i++)
			map(spaces[s], ADDRESS(i), LEAF_OF(s * 64 + i) | ACCESSED | DIRTY);
	}
	load(spaces[0]);
	while (!slot_of(spaces[0]) || !slot_of(spaces[1]))
		load(spaces[0]), load(spaces[1]);
	for (b = 0; b < batches; b++) {
		double start = now();

		for (i = 0; i < 4096; i++)
			load(spaces[i & 1]);
		times[b] = (now() - start) / 4096;
	}
	report("load-known", times);
	for (b = 0; b < batches; b++) {
		double start = now();

		for (round = 0; round < 16; round++)
			for (s = 0; s < 8; s++) {
				load(spaces[s]);
				for (i = 0; i < 64; i++)
					touch(ADDRESS(i), 4);
			}
		times[b] = (now() - start) / (16 * 8);
	}
	report("switch-8x64", times);
}

static void flushes(void)
{
	static const int counts[] = { 16, 64, 256, 1024, 4096 };
	static double times[1001], back[1001];
	uint32_t directory, spaces[SLOTS];
	char name[64];
	int b, i, c, s, repeat;

	for (c = 0; c < 5; c++) {
		one_space(counts[c], ACCESSED | DIRTY);
		for (b = 0; b < batches; b++) {
			times[b] = 0;
			for (repeat = 0; repeat < 16; repeat++) {
				double start;

				for (i = 0; i < counts[c]; i++)
					touch(ADDRESS(i), 6);
				start = now();
				flush_user();
				times[b] += (now() - start) / 16;
			}
		}
		snprintf(name, sizeof(name), "flush-user-%d", counts[c]);
		report(name, times);
	}

	reset();
	directory = new_directory();
	for (i = 0; i < 256; i++)
		map(directory, (uint32_t)i << 22, LEAF_OF(i) | ACCESSED | DIRTY);
	load(directory);
	for (b = 0; b < batches; b++) {
		double start;

		for (i = 0; i < 256; i++)
			touch((uint32_t)i << 22, 6);
		start = now();
		flush_user();
		times[b] = now() - start;
	}
	report("flush-user-256-sparse", times);

	reset();
	for (s = 0; s < SLOTS; s++) {
		spaces[s] = new_directory();
		for (i = 0; i < 1024; i++)
			map(spaces[s], ADDRESS(i), LEAF_OF(s * 1024 + i) | ACCESSED | DIRTY);
	}
	for (s = 0; s < SLOTS;)
		for (load(spaces[0]), load(spaces[1]), load(spaces[2]), load(spaces[3]), s = 0; s < SLOTS && slot_of(spaces[s]); s++)
			;
	for (b = -1; b < batches; b++) {
		double start = now(), middle;

		clear_all();
		middle = now();
		for (s = 0; s < SLOTS; s++) {
			load(spaces[s]);
			for (i = 0; i < 1024; i++)
				touch(ADDRESS(i), 6);
		}
		if (b >= 0) {
			times[b] = middle - start;
			back[b] = now() - middle;
		}
	}
	report("clear-all-4x1024", times);
	report("clear-all-regain-4x1024", back);
}

static void lookups(void)
{
	static double times[1001];
	volatile uint32_t sum = 0;
	int b, i;

	one_space(1024, ACCESSED | DIRTY);
	for (i = 0; i < 1024; i++)
		demand_page(ADDRESS(i), 6);
	for (b = 0; b < batches; b++) {
		double start = now();

		for (i = 0; i < 1024; i++)
			sum += translate(ADDRESS(i));
		times[b] = (now() - start) / 1024;
	}
	report("translate", times);
	for (b = 0; b < batches; b++) {
		double start = now();

		for (i = 0; i < 1024; i++)
			sum += pin_page(ADDRESS(i));
		times[b] = (now() - start) / 1024;
	}
	report("pin-mapped", times);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--quick") == 0)
		batches = 21;
	guest = aligned_alloc(4096, (size_t)GUEST_PAGES << 12);
	pool = aligned_alloc(4096, (size_t)POOL_PAGES << 12);
	if (!guest || !pool)
		return 1;
	memset(guest, 0, (size_t)GUEST_PAGES << 12);
	memset(pool, 0, (size_t)POOL_PAGES << 12);
	faults();
	updates();
	switches();
	flushes();
	lookups();
	putchar('\n');
	return 0;
}
