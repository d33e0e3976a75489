using System.Buffers.Binary;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests.Fixture;

/// <summary>Assembles a guest kernel for one test, with the calls of the guest interface at hand.</summary>
internal sealed class TinyKernel
{
    public const uint Base = 0x10_0000;

    /// <summary>The guest's data page.</summary>
    public const uint Data = 0x8000;

    /// <summary>Where tests leave what the kernel saw.</summary>
    public const uint Results = 0x9000;

    /// <summary>The text of a shutdown.</summary>
    public const uint Text = 0xA000;

    /// <summary>The kernel's stack, growing down.</summary>
    public const uint Stack = 0x1_0000;

    /// <summary>A second stack: what hypercall 7 tells.</summary>
    public const uint TrapStack = 0x1_4000;

    /// <summary>A stack for level 3.</summary>
    public const uint UserStack = 0x1_8000;

    /// <summary>Descriptors of level 3 (GDT 14 and 15), once <see cref="LoadUserSegments"/> was called.</summary>
    public const ushort UserCode = 0x73;

    /// <summary>Data.</summary>
    public const ushort UserData = 0x7B;

    private readonly Dictionary<string, Label> _labels = [];
    private readonly List<(int Instruction, string Name)> _loads = [];
    private int _lastMark = -1;

    /// <summary>An empty kernel.</summary>
    /// <param name="bare">Not even a stack pointer.</param>
    public TinyKernel(bool bare = false)
    {
        if (!bare)
        {
            Code.mov(esp, Stack);
        }
    }

    public Assembler Code { get; } = new(32);

    /// <summary>Where marks lie, after <see cref="Build"/>.</summary>
    public Dictionary<string, uint> Addresses { get; } = [];

    /// <summary>Puts a label here and remembers where it lies.</summary>
    public void Mark(string name)
    {
        // An instruction has one label.
        if (_lastMark == Code.Instructions.Count)
        {
            Code.nop();
        }

        _lastMark = Code.Instructions.Count;
        Label label = At(name);
        Code.Label(ref label);
        _labels[name] = label;
    }

    /// <summary>A mark that may come later, for jumps and calls.</summary>
    public Label At(string name)
    {
        if (!_labels.TryGetValue(name, out Label label))
        {
            _labels[name] = label = Code.CreateLabel();
        }

        return label;
    }

    /// <summary>Loads the address of a mark.</summary>
    public void Load(AssemblerRegister32 register, string name)
    {
        _loads.Add((Code.Instructions.Count, name));
        Code.mov(register, 0x5A5A_5A5A);
    }

    /// <summary>A hypercall with constant arguments.</summary>
    public void Call(uint number, uint first = 0, uint second = 0, uint third = 0, uint fourth = 0)
    {
        Code.mov(eax, number);
        Code.mov(ebx, first);
        Code.mov(ecx, second);
        Code.mov(edx, third);
        Code.mov(esi, fourth);
        Code.@int(0x1F);
    }

    /// <summary>Hypercall 1.</summary>
    public void Init() => Call(1, Data);

    /// <summary>Hypercall 2.</summary>
    public void ShutDown(uint how = 1) => Call(2, Text, how);

    /// <summary>Keeps a register for the test.</summary>
    public void Keep(int index, AssemblerRegister32 register) => Code.mov(__dword_ptr[Results + ((uint)index * 4)], register);

    /// <summary>Keeps words from ESP up; EAX is lost.</summary>
    public void KeepStack(int index, int words)
    {
        for (int i = 0; i < words; i++)
        {
            Code.mov(eax, __dword_ptr[esp + (4 * i)]);
            Keep(index + i, eax);
        }
    }

    /// <summary>Counts in a result; no register changes.</summary>
    public void Count(int index) => Code.inc(__dword_ptr[Results + ((uint)index * 4)]);

    /// <summary>Hypercall 6: a gate to a mark.</summary>
    public void Gate(int vector, string handler, int type = 0xE, int level = 0)
    {
        Load(edx, handler);
        Code.mov(ecx, edx);
        Code.and(ecx, 0xFFFF);
        Code.or(ecx, 0x61_0000);
        Code.and(edx, 0xFFFF_0000);
        Code.or(edx, 0x8000 | (level << 13) | (type << 8));
        Code.mov(eax, 6);
        Code.mov(ebx, vector);
        Code.@int(0x1F);
    }

    /// <summary>Hypercall 18, twice: flat segments of level 3.</summary>
    public void LoadUserSegments()
    {
        Call(18, 14, 0x0000_FFFF, 0x00CF_FA00);
        Call(18, 15, 0x0000_FFFF, 0x00CF_F200);
    }

    /// <summary>Hypercall 7: the stack for traps from level 3.</summary>
    public void SetStack(uint pages = 1) => Call(7, 0x69, TrapStack, pages);

    /// <summary>Hypercall 4: the tables that <see cref="TinyMachine"/> has written.</summary>
    public void LoadTables() => Call(4, TinyMachine.Directory);

    /// <summary>The guest's interrupts on or off, as its kernel does it.</summary>
    public void Enable(bool on = true) => Code.mov(__dword_ptr[Data], on ? 0x200 : 0);

    /// <summary>Init, the tables, a stack, level 3.</summary>
    public void PrepareUser(uint stackPages = 1)
    {
        Init();
        LoadTables();
        LoadUserSegments();
        SetStack(stackPages);
    }

    /// <summary>Goes to level 3 by an IRET.</summary>
    public void GoToUser(string target, uint eflags = 0x202)
    {
        Code.push(UserData);
        Code.push((int)UserStack);
        Code.push((int)eflags);
        Code.push(UserCode);
        Load(eax, target);
        Code.push(eax);
        Code.mov(ecx, (uint)UserData);
        Code.mov(ds, cx);
        Code.mov(es, cx);
        Code.iretd();
    }

    /// <summary>Runs until something ends it.</summary>
    public void Spin(string name)
    {
        Mark(name);
        Code.jmp(At(name));
    }

    public byte[] Build()
    {
        Code.nop();
        using MemoryStream stream = new();
        AssemblerResult result = Code.Assemble(new StreamCodeWriter(stream), Base, BlockEncoderOptions.ReturnNewInstructionOffsets);
        foreach ((string name, Label label) in _labels)
        {
            Addresses[name] = (uint)result.GetLabelRIP(label);
        }

        byte[] code = stream.ToArray();
        foreach ((int instruction, string name) in _loads)
        {
            int at = (int)result.Result[0].NewInstructionOffsets[instruction] + 1;
            BinaryPrimitives.WriteUInt32LittleEndian(code.AsSpan(at), Addresses[name]);
        }

        return ElfBuilder.Executable(Base, code, Base);
    }
}
