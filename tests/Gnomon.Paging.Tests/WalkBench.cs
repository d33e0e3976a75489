using Gnomon.Memory;
using Gnomon.Model.Tests.Model;

namespace Gnomon.Paging.Tests;

/// <summary>The same tables twice: in host frames for the hardware walk, and in the model's memory at the same addresses.</summary>
internal sealed class WalkBench<TFormat> : IDisposable
    where TFormat : struct, IPagingFormat
{
    private readonly HostMemory _host = new(1);
    private readonly Pfn[] _tables = new Pfn[4];
    private readonly ModelConfig _config;
    private readonly ModelMemory _memory = new();
    private readonly ModelWalker _walker;
    private readonly ModelPaging _paging;

    public WalkBench()
    {
        for (int level = 1; level <= TFormat.Levels; level++)
        {
            Assert.True(_host.TryAllocate(out _tables[level]));
        }

        // Unmodified: no Switcher, and a frame number that names nothing is nobody's death.
        _config = new ModelConfig { Pae = TFormat.Levels == 3, Unmodified = true, Pages = 256 };
        _walker = new ModelWalker(_config, _memory, new StaleEntries());
        _paging = new ModelPaging(_config, _walker);
    }

    /// <summary>The address of the table of a level.</summary>
    public ulong TableAddress(int level) => (ulong)_tables[level].Value << 12;

    /// <summary>Puts the entry of a level that an address uses.</summary>
    public unsafe void Put(int level, uint address, ulong entry)
    {
        ulong offset = (ulong)(Paging<TFormat>.IndexOf(address, level) * TFormat.EntrySize);
        Entry<TFormat>.Write(_host.Address(_tables[level]) + offset, entry);
        _memory.Write(TableAddress(level) + offset, entry, TFormat.EntrySize);
    }

    /// <summary>Walks both and compares everything: outcome, code, frame, rights, accessed and dirty bits.</summary>
    public void Compare(uint address, PageFaultCode code, PagingControls controls)
    {
        ModelCpu cpu = new()
        {
            Linear = false,
            Directory = TableAddress(TFormat.Levels),
            WriteProtect = controls.HasFlag(PagingControls.WriteProtect),
            LargePages = controls.HasFlag(PagingControls.LargePages),
            NoExecute = controls.HasFlag(PagingControls.NoExecute),
        };
        ModelWalk walk = _walker.Walk(cpu, address);
        Expectation expected = new();
        _paging.Demand(cpu, address, (uint)code, expected);
        bool done = HardwareWalk<TFormat>.TryTranslate(
            _host, _tables[TFormat.Levels], new Gva(address), new PageAccess(code), controls, out HardwareTranslation translation, out PageFaultCode fault);

        string what = $"{TFormat.Name} 0x{address:x} {code} {controls} {string.Join(" ", walk.Steps.Select(s => s.Entry.ToString("x")))}";
        Assert.True(done == (expected.Result != ModelResult.Fault), $"{what}: allowed {done}, expected {expected}");
        if (done)
        {
            bool dirty = (walk.Leaf & 0x40) != 0 || (code & PageFaultCode.Write) != 0;
            HardwareTranslation wanted = new(new Pfn((uint)walk.Page), walk.Writable, walk.User, walk.Executable, dirty);
            Assert.True(translation == wanted, $"{what}: {translation}, expected {wanted}");
        }
        else
        {
            Assert.True((ulong)fault == expected.Value, $"{what}: fault {fault}, expected {expected}");
        }

        CompareBits(walk, done, (code & PageFaultCode.Write) != 0, what);
    }

    public void Dispose()
    {
        for (int level = 1; level <= TFormat.Levels; level++)
        {
            _host.DropReference(_tables[level]);
        }

        _host.Dispose();
    }

    // The leaf gains A, and D for a write, where the access is allowed; upper entries gain A, or may where it is not.
    private unsafe void CompareBits(ModelWalk walk, bool done, bool write, string what)
    {
        for (int i = 0; i < walk.Steps.Count; i++)
        {
            WalkStep step = walk.Steps[i];
            bool leaf = i == walk.Steps.Count - 1;
            ulong now = Entry<TFormat>.Read(_host.Address(new Pfn((uint)(step.Address >> 12))) + (step.Address & 0xFFF));
            ulong gained = leaf ? (done ? 0x20u | (write ? 0x40u : 0u) : 0) : step.Level == 3 ? 0 : 0x20u;
            bool right = done || leaf ? now == (step.Entry | gained) : now == step.Entry || now == (step.Entry | gained);
            Assert.True(right, $"{what}: the entry of level {step.Level} became 0x{now:x}");
            _memory.Write(step.Address, now, TFormat.EntrySize);
        }
    }
}
