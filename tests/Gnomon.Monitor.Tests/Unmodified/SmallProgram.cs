using System.Buffers.Binary;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests.Unmodified;

/// <summary>Assembles a program for one test of an unmodified guest: ring 0, flat segments, exceptions told on a port.</summary>
internal sealed class SmallProgram
{
    /// <summary>Where it begins.</summary>
    public const uint Base = 0x1000;

    /// <summary>The stack, growing down.</summary>
    public const uint Stack = 0x8000;

    /// <summary>Dwords written here are kept by the test.</summary>
    public const byte SayPort = 0xE0;

    /// <summary>A byte written here turns the machine off.</summary>
    public const byte OffPort = 0xE4;

    /// <summary>A byte written here resets it.</summary>
    public const byte ResetPort = 0xE8;

    /// <summary>What an exception's handler says before all else, with the vector in the low byte.</summary>
    public const uint Exception = 0xE000_0000;

    private const uint Paging = 0x8000_0000;
    private const uint WriteProtect = 0x0001_0000;
    private const uint PhysicalAddressExtension = 1 << 5;

    private readonly Dictionary<string, Label> _labels = [];
    private readonly List<(int Instruction, string Name)> _loads = [];
    private int _lastMark = -1;

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

    /// <summary>A mark that may come later.</summary>
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

    /// <summary>Tells the test a register; EAX is lost.</summary>
    public void Say(AssemblerRegister32 register)
    {
        if (register != eax)
        {
            Code.mov(eax, register);
        }

        Code.@out(SayPort, eax);
    }

    /// <summary>Tells the test a number; EAX is lost.</summary>
    public void Say(uint value)
    {
        Code.mov(eax, value);
        Say(eax);
    }

    /// <summary>Tells the test a dword of memory; EAX is lost.</summary>
    public void SayAt(uint address)
    {
        Code.mov(eax, __dword_ptr[address]);
        Say(eax);
    }

    /// <summary>Stores a constant.</summary>
    public void Store(uint address, uint value) => Code.mov(__dword_ptr[address], value);

    /// <summary>Does something that may fault: the mark <paramref name="name"/> is its address, and after a fault the program goes on
    /// behind it. EBP is lost.</summary>
    public void Try(string name, Action<Assembler> write)
    {
        Load(ebp, name + " done");
        Mark(name);
        write(Code);
        Mark(name + " done");
    }

    /// <summary>The machine is turned off.</summary>
    public void Off() => Code.@out(OffPort, al);

    /// <summary>Paging on, with the tables of the test.</summary>
    public void PagingOn(bool pae, bool writeProtect = true)
    {
        Code.mov(eax, cr4);
        Code.and(eax, ~PhysicalAddressExtension);
        Code.or(eax, pae ? PhysicalAddressExtension : 0);
        Code.mov(cr4, eax);
        LoadTables(SmallTables.Directory);
        Code.mov(eax, cr0);
        Code.and(eax, ~WriteProtect);
        Code.or(eax, Paging | (writeProtect ? WriteProtect : 0));
        Code.mov(cr0, eax);
    }

    /// <summary>Paging off.</summary>
    public void PagingOff()
    {
        Code.mov(eax, cr0);
        Code.and(eax, ~Paging);
        Code.mov(cr0, eax);
    }

    /// <summary>CR0.WP.</summary>
    public void Protect(bool on)
    {
        Code.mov(eax, cr0);
        Code.and(eax, ~WriteProtect);
        Code.or(eax, on ? WriteProtect : 0);
        Code.mov(cr0, eax);
    }

    /// <summary>CR3; EAX is lost.</summary>
    public void LoadTables(uint directory)
    {
        Code.mov(eax, directory);
        Code.mov(cr3, eax);
    }

    /// <summary>Bits of CR4; EAX is lost.</summary>
    public void ChangeCr4(uint set, uint clear = 0)
    {
        Code.mov(eax, cr4);
        Code.or(eax, set);
        Code.and(eax, ~clear);
        Code.mov(cr4, eax);
    }

    /// <summary>EFER; EAX, ECX and EDX are lost.</summary>
    public void WriteEfer(uint value)
    {
        Code.mov(ecx, 0xC000_0080);
        Code.xor(edx, edx);
        Code.mov(eax, value);
        Code.wrmsr();
    }

    /// <summary>IRET to level 3, at a mark, with interrupts disabled.</summary>
    public void GoToUser(string target, uint eflags = 2)
    {
        Code.push(SmallPc.UserData);
        Code.push((int)SmallPc.UserStack);
        Code.push((int)eflags);
        Code.push(SmallPc.UserCode);
        Load(eax, target);
        Code.push(eax);
        Code.mov(ecx, SmallPc.UserData);
        Code.mov(ds, cx);
        Code.mov(es, cx);
        Code.iretd();
    }

    /// <summary>The bytes, with a handler of each exception behind the program.</summary>
    public byte[] Build()
    {
        foreach (int vector in SmallPc.Exceptions)
        {
            Handler(vector);
        }

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

        return code;
    }

    // Says the vector, the error code where there is one, CR2 of a page fault, EIP; returns to EBP.
    private void Handler(int vector)
    {
        bool hasCode = vector is 8 or (>= 10 and <= 14);
        Mark("exception " + vector);
        Code.push(eax);
        Say(Exception | (uint)vector);
        if (hasCode)
        {
            Code.mov(eax, __dword_ptr[esp + 4]);
            Say(eax);
        }

        if (vector == 14)
        {
            Code.mov(eax, cr2);
            Say(eax);
        }

        Code.mov(eax, __dword_ptr[esp + (hasCode ? 8 : 4)]);
        Say(eax);
        Code.pop(eax);
        if (hasCode)
        {
            Code.add(esp, 4);
        }

        Code.mov(__dword_ptr[esp], ebp);
        Code.iretd();
    }
}
