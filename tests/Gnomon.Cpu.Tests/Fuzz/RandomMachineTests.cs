using System.Runtime.InteropServices;
using Gnomon.Cpu.Memory;

namespace Gnomon.Cpu.Tests.Fuzz;

/// <summary>
/// Random bytes as code, page tables, descriptor tables and control registers. Whatever they do: no exception of the host, no endless
/// run, no byte outside the memory that the processor was given.
/// </summary>
public sealed class RandomMachineTests
{
    private const int RunsInATest = 150;
    private const int Slices = 40;

    [Fact]
    public void RandomMachine_NeverLeavesItsMemory_AndAlwaysComesBack()
    {
        int runs = TestSettings.Steps(RunsInATest);
        long instructions = 0;
        Dictionary<CpuExitReason, int> exits = [];
        for (int seed = 1; seed <= runs; seed++)
        {
            try
            {
                instructions += Run(seed, exits);
            }
            catch (Exception error) when (error is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"seed {seed}: {error}");
            }
        }

        Console.WriteLine($"random machines: seeds 1 to {runs}, {instructions} instructions, exits {string.Join(", ", exits.Select(exit => $"{exit.Key} {exit.Value}"))}");

        // A generator that only ever faults at once would test nothing.
        Assert.True(instructions > runs * 100L, $"only {instructions} instructions in {runs} runs");
    }

    private static long Run(int seed, Dictionary<CpuExitReason, int> exits)
    {
        Random random = new(seed);
        using GuardedRam ram = new(1 << 20);
        using Processor processor = new(ram);
        ProcessorRegisters r = processor.Registers;
        Fill(ram.Memory, random);
        processor.Intercepts = (Intercepts)(random.Next(4) == 0 ? random.Next() & 0xFF : 0);
        SetUp(r, ram, random);
        ulong before = processor.Instructions;
        for (int slice = 0; slice < Slices; slice++)
        {
            CpuExit exit = processor.Run(random.Next(1, 2000));
            exits[exit.Reason] = exits.GetValueOrDefault(exit.Reason) + 1;
            Answer(processor, exit, random);
            if (random.Next(8) == 0)
            {
                // The host, a device or another processor changes things under it.
                int at = random.Next(ram.Memory.Length - 8);
                random.NextBytes(ram.Memory.Slice(at, 8));
                processor.NotifyStore(ram.HostAddress(at), Math.Min(8, 4096 - (at & 4095)));
            }
        }

        Assert.True(ram.GuardsAreWhole(), $"seed {seed}: a byte outside the memory was written");
        return (long)(processor.Instructions - before);
    }

    private static void Answer(Processor processor, CpuExit exit, Random random)
    {
        switch (exit.Reason)
        {
            case CpuExitReason.Port or CpuExitReason.Device when exit.IsWrite:
                processor.CompleteWrite();
                break;
            case CpuExitReason.Port or CpuExitReason.Device or CpuExitReason.ControlRead:
                processor.CompleteRead((ulong)random.NextInt64());
                break;
            case CpuExitReason.PageFault:
                processor.InjectFault(Vector.PageFault, exit.Code, exit.Address);
                break;
            case CpuExitReason.Instruction or CpuExitReason.Breakpoint:
                processor.SkipInstruction(exit.Size);
                break;
            case CpuExitReason.Halt when processor.CanInterrupt:
                processor.InjectInterrupt((byte)random.Next(256));
                break;
            case CpuExitReason.Halt or CpuExitReason.TripleFault:
                processor.Reset();
                processor.Registers.Eip = (uint)random.Next(0x10000);
                processor.Registers.SetSegment(SegmentName.Cs, new SegmentValue(0, 0, 0xFFFF, 0x93));
                break;
        }

        if (random.Next(10) == 0 && processor.CanInterrupt)
        {
            processor.InjectInterrupt((byte)random.Next(256));
        }
    }

    // Some pages are code of short instructions, some tables whose entries lead back into memory, the rest noise.
    private static void Fill(Span<byte> memory, Random random)
    {
        random.NextBytes(memory);
        Span<uint> words = MemoryMarshal.Cast<byte, uint>(memory);
        for (int page = 0; page < memory.Length >> 12; page++)
        {
            Span<uint> content = words.Slice(page << 10, 1024);
            switch (random.Next(4))
            {
                case 0:
                    // Two-level or PAE entries: present, mostly allowed, inside memory.
                    for (int i = 0; i < 1024; i++)
                    {
                        content[i] = ((uint)random.Next(memory.Length >> 12) << 12) | (uint)(random.Next(16) == 0 ? random.Next(0x1000) : 0x67);
                        if (random.Next(2) == 0 && (i & 1) == 1)
                        {
                            content[i] = 0;
                        }
                    }

                    break;
                case 1:
                    // Descriptors: present, of any type.
                    for (int i = 0; i < 1024; i += 2)
                    {
                        content[i] = (uint)random.Next() << 1;
                        content[i + 1] = (uint)random.Next(2) * 0x00CF_0000u | 0x8000u | ((uint)random.Next(0x80) << 8) | (uint)random.Next(0x10);
                    }

                    break;
                default:
                    break;
            }
        }
    }

    private static void SetUp(ProcessorRegisters r, GuardedRam ram, Random random)
    {
        uint size = (uint)ram.Memory.Length;
        foreach (GeneralRegister register in Enum.GetValues<GeneralRegister>())
        {
            r[register] = random.Next(4) == 0 ? (uint)random.Next() : (uint)random.Next((int)size);
        }

        r.Gdt = ((uint)random.Next((int)size), (ushort)random.Next(0x10000));
        r.Idt = ((uint)random.Next((int)size), (ushort)random.Next(0x10000));
        r.Task = new SegmentValue(0x28, (uint)random.Next((int)size), (uint)random.Next(0x2000), (ushort)(random.Next(2) == 0 ? 0x8B : 0x83));
        r.Eflags = (uint)random.Next(4) switch { 0 => (uint)random.Next() & 0x003F_7FD7, 1 => 0x3202, _ => 0x0202 };
        if (random.Next(4) == 0)
        {
            return;
        }

        uint cr4 = (uint)random.Next() & 0x2BF;
        r.Cr4 = cr4;
        r.Efer = (uint)random.Next(2) << 11;
        r.Cr3 = (uint)random.Next((int)size) & 0xFFFF_F000;
        r.Cr0 = 0x11 | ((uint)random.Next() & 0x0005_000E) | (random.Next(2) == 0 ? 0x8000_0000 : 0);
        r.LoadPointers([.. Enumerable.Range(0, 4).Select(_ => ((ulong)random.Next((int)size) & 0xFFFF_F000) | 1)]);
        int cpl = (r.Eflags & 0x2_0000) != 0 ? 3 : random.Next(4);
        foreach (SegmentName name in Enum.GetValues<SegmentName>())
        {
            int access = (name == SegmentName.Cs ? 0x9B : 0x93) | (cpl << 5) | (random.Next(8) == 0 ? random.Next(0x10) : 0) | (random.Next(4) == 0 ? 0 : 0xC000);
            r.SetSegment(name, new SegmentValue((ushort)(random.Next(0x100) & ~3 | cpl), random.Next(3) == 0 ? (uint)random.Next() : 0, random.Next(3) == 0 ? (uint)random.Next(0x20000) : uint.MaxValue, (ushort)access));
        }

        r.Cpl = cpl;
        r.Eip = (uint)random.Next((int)size);
    }

    // SAFETY: native memory with a guard page of known bytes on each side.
    private sealed unsafe class GuardedRam : PhysicalMemory, IDisposable
    {
        private const byte Guard = 0xA5;
        private readonly byte* _all;
        private readonly int _length;

        public GuardedRam(int length)
        {
            _length = length;
            _all = (byte*)NativeMemory.AlignedAlloc((nuint)length + 8192, 4096);
            new Span<byte>(_all, 4096).Fill(Guard);
            new Span<byte>(_all + 4096 + length, 4096).Fill(Guard);
        }

        public Span<byte> Memory => new(_all + 4096, _length);

        public nint HostAddress(int offset) => (nint)(_all + 4096 + offset);

        public bool GuardsAreWhole() => !new Span<byte>(_all, 4096).ContainsAnyExcept(Guard) && !new Span<byte>(_all + 4096 + _length, 4096).ContainsAnyExcept(Guard);

        public override PhysicalPage Find(ulong page, bool write) =>
            page < (ulong)_length >> 12 ? PhysicalPage.Memory(_all + 4096 + (page << 12)) : PhysicalPage.Device;

        public void Dispose() => NativeMemory.AlignedFree(_all);
    }
}
