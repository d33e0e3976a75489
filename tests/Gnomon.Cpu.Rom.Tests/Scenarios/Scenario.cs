using System.Globalization;
using System.Text;
using Gnomon.Cpu.Rom.Tests.Assembly;
using Gnomon.Cpu.Rom.Tests.Runtime;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>
/// The words a family of scenarios is written in. Every case starts in ring 0 of flat protected mode without paging, interrupts off, with
/// the tables of <see cref="Startup"/>; it ends with the first exception (unless that is resumed) or with INT 40h, and prints one line.
/// </summary>
internal sealed class Scenario
{
    private static readonly Dictionary<string, (uint Offset, byte Size)> Fields = new(StringComparer.Ordinal)
    {
        ["eax"] = (Frame.Eax, 4),
        ["ecx"] = (Frame.Ecx, 4),
        ["edx"] = (Frame.Edx, 4),
        ["ebx"] = (Frame.Ebx, 4),
        ["ebp"] = (Frame.Ebp, 4),
        ["esi"] = (Frame.Esi, 4),
        ["edi"] = (Frame.Edi, 4),
        ["hsp"] = (Frame.HandlerEsp, 4),
        ["hss"] = (Frame.HandlerSs, 2),
        ["ax"] = (Frame.Eax, 2),
        ["ds"] = (Frame.Ds, 2),
        ["es"] = (Frame.Es, 2),
        ["fs"] = (Frame.Fs, 2),
        ["gs"] = (Frame.Gs, 2),
        ["rf"] = (Frame.Eflags + 2, 1),
        ["tr"] = (Frame.Tr, 2),
        ["esp"] = (Frame.Esp, 4),
        ["cr0"] = (Frame.Cr0, 4),
        ["dr6"] = (Frame.Dr6, 4),
        ["cr2"] = (Frame.Cr2, 4),
    };

    private readonly RomWriter _rom;
    private string _name = "";
    private bool _marked;
    private int _names;

    public Scenario(RomWriter rom) => _rom = rom;

    /// <summary>The number of cases so far.</summary>
    public int Count { get; private set; }

    public RomWriter Rom => _rom;

    /// <summary>The assembler of the present position.</summary>
    public Assembler Asm => _rom.Asm;

    /// <summary>
    /// A case. <paramref name="show"/> lists, apart by blanks, what the line has after the record: registers by name; <c>m</c>ADDRESS a
    /// double word, <c>w</c>ADDRESS a word, <c>b</c>ADDRESS a byte of memory, <c>d</c>SELECTOR a descriptor of the GDT (all in hexadecimal);
    /// <c>r1</c> to <c>r7</c> the records after the first; <c>n</c> how many there were.
    /// </summary>
    public void Case(string name, Action body, string show = "") => Write(name, show, () =>
    {
        body();
        _rom.Asm.@int(DoneVector);
        _rom.Bits(32);
    });

    /// <summary>A case in real mode, DS = ES = SS = 0, CS = F000.</summary>
    public void RealCase(string name, Action body, string show = "") => Write(name, show, () =>
    {
        string entry = _name + ".real";
        _rom.Asm.mov(ecx, (uint)_rom.Offset(entry));
        _rom.Asm.jmp(_rom["real.enter"]);
        _rom.Bits(16);
        _rom.Define(entry);
        body();
        _rom.Asm.@int(DoneVector);
        _rom.Bits(32);
    });

    /// <summary>Reports count EIP from here: put it before the instruction that the case is about.</summary>
    public void Mark()
    {
        if (!_marked)
        {
            _marked = true;
            _rom.Define(_name + ".mark");
        }
    }

    /// <summary>The symbol of a name that belongs to this case.</summary>
    public string Name(string name) => $"{_name}.{name}";

    /// <summary>The address of a name that belongs to this case.</summary>
    public uint At(string name) => _rom[$"{_name}.{name}"];

    /// <summary>Defines a name that belongs to this case.</summary>
    public void Label(string name) => _rom.Define($"{_name}.{name}");

    /// <summary>Stores a double word.</summary>
    public void Poke(uint address, uint value) => _rom.Asm.mov(__dword_ptr[address], value);

    /// <summary>Writes a descriptor into the GDT.</summary>
    public void Gdt(int selector, Descriptor descriptor) => Table(Layout.Gdt, selector & ~7, descriptor);

    /// <summary>Writes a descriptor into the LDT.</summary>
    public void Ldt(int selector, Descriptor descriptor) => Table(Layout.Ldt, selector & ~7, descriptor);

    /// <summary>Writes a descriptor into the IDT.</summary>
    public void Idt(int vector, Descriptor descriptor) => Table(Layout.Idt, vector * 8, descriptor);

    /// <summary>An interrupt gate of the IDT to the recorder that ring 3 may use.</summary>
    public void OpenVector(int vector) => Idt(vector, Descriptor.Gate(FlatCode, _rom[Recorder.Stub(vector)], 0xEE));

    /// <summary>After these vectors the recorder returns.</summary>
    public void ResumeAfter(params int[] vectors) => Poke(Resume, vectors.Aggregate(0u, (mask, vector) => mask | (1u << vector)));

    /// <summary>Goes on in ring <paramref name="ring"/> (0 to 3), flat, with the given EFLAGS. EAX stays as it is.</summary>
    public void ToRing(int ring, uint eflags = 2)
    {
        (ushort code, ushort stack, uint top) = ring switch
        {
            0 => (FlatCode, Flat, MainStack),
            1 => (Code1, Flat1, Ring1Stack - 0x100),
            2 => (Code2, Flat2, Ring2Stack - 0x100),
            _ => (UserCode, UserFlat, UserStack),
        };
        string target = Unique("ring");
        Assembler asm = _rom.Asm;
        if (ring != 0)
        {
            asm.push(stack);
            asm.push((int)top);
        }
        asm.push((int)eflags);
        asm.push(code);
        asm.push((int)_rom[target]);
        asm.iretd();
        _rom.Define(target);
        if (ring != 0)
        {
            // IRET emptied the data segments that the ring may not use.
            asm = _rom.Asm;
            asm.push(eax);
            asm.mov(eax, stack);
            asm.mov(ds, ax);
            asm.mov(es, ax);
            asm.mov(fs, ax);
            asm.mov(gs, ax);
            asm.pop(eax);
        }
    }

    /// <summary>Goes on in virtual-8086 mode: CS = F000, SS = 0800, SP = 0FF0, DS 1000, ES 1100, FS 1200, GS 1300.</summary>
    public void ToV86(uint eflags)
    {
        string target = Unique("v86");
        Assembler asm = _rom.Asm;
        asm.push(0x1300);
        asm.push(0x1200);
        asm.push(0x1000);
        asm.push(0x1100);
        asm.push(0x0800);
        asm.push(0x0FF0);
        asm.push((int)(eflags | 0x20002));
        asm.push(0xF000);
        asm.push(_rom.Offset(target));
        asm.iretd();
        _rom.Bits(16);
        _rom.Define(target);
    }

    /// <summary>A name that no other place of the ROM has.</summary>
    public string Unique(string what) => $"{_name}.{what}.{_names++}";

    private void Table(uint table, int offset, Descriptor descriptor)
    {
        Poke(table + (uint)offset, descriptor.Low);
        Poke(table + (uint)offset + 4, descriptor.High);
    }

    private void Write(string name, string show, Action body)
    {
        _name = "case:" + name;
        _marked = false;
        _names = 0;
        Count++;
        string landing = _name + ".landing", start = _name + ".start";
        uint information = _rom.Words(_rom[landing], 0, (uint)(Count % 0x7F + 1));
        _rom.Bits(32);
        _rom.Asm.mov(ebx, information);
        _rom.Asm.call(_rom["setup"]);
        _rom.Define(start);
        body();
        _rom.Define(landing);
        _rom.Asm.mov(esi, Format(name, show));
        _rom.Asm.call(_rom["report"]);
        // Whether there is a mark is known only now.
        _rom.Patch(information + 4, _rom[_marked ? _name + ".mark" : start]);
    }

    private uint Format(string name, string show)
    {
        List<byte> format = [.. Encoding.ASCII.GetBytes(name + ":"), Reporter.Record, .. BitConverter.GetBytes(Records)];
        foreach (string item in show.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            Item(format, item);
        }
        format.Add((byte)'\n');
        format.Add(Reporter.End);
        return _rom.Data([.. format]);
    }

    private static void Item(List<byte> format, string item)
    {
        if (Fields.TryGetValue(item, out (uint Offset, byte Size) field))
        {
            Memory(format, $" {item}=", Records + field.Offset, field.Size);
            return;
        }
        string rest = item[1..];
        switch (item[0])
        {
            case 'n':
                Memory(format, " n=", Layout.Count, 1);
                break;
            case 'r':
                format.Add((byte)' ');
                format.Add((byte)'|');
                format.Add(Reporter.Record);
                format.AddRange(BitConverter.GetBytes(Records + (uint)(rest[0] - '0') * RecordSize));
                break;
            case 'd':
                uint descriptor = Layout.Gdt + Hex(rest);
                Memory(format, $" {item}=", descriptor + 4, 4);
                Memory(format, ".", descriptor, 4);
                break;
            default:
                byte size = item[0] switch { 'm' => 4, 'w' => 2, 'b' => 1, _ => throw new ArgumentException($"What is {item}?") };
                Memory(format, $" {item}=", Hex(rest), size);
                break;
        }
    }

    private static void Memory(List<byte> format, string text, uint address, byte size)
    {
        format.AddRange(Encoding.ASCII.GetBytes(text));
        format.Add(Reporter.Memory);
        format.Add(size);
        format.AddRange(BitConverter.GetBytes(address));
    }

    private static uint Hex(string text) => uint.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
