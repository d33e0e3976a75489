using System.Globalization;
using Gnomon.Cpu;
using Gnomon.Memory;
using Gnomon.Monitor;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Docs.Tests.Faults;

/// <summary>
/// Page faults of one run of sundial, looked at from all sides: the parts of the chapter on the whole way of a page fault. A part is
/// named by the image and what it shows, as <c>sundial frame</c>.
/// </summary>
internal sealed class FaultStory
{
    /// <summary>The page that the check uses.</summary>
    private const uint Page = 0x1600_0000;

    private const uint DeviceWindows = 0xE000_0000;
    private const int FrameBytes = 72;
    private const int PageFaultGate = 14 * 8;
    private const int TaskState = 2304;
    private const int SwitcherReturn = 13;

    private static readonly Dictionary<string, FaultStory> _stories = [];
    private static readonly string[] _words =
        ["eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "gs", "fs", "ds", "es", "trap number", "error code", "eip", "cs", "eflags", "esp", "ss"];

    private readonly Dictionary<string, string> _parts = [];
    private readonly FaultMachine _machine;

    private FaultStory(string image)
    {
        FaultEvents events = FaultEvents.Of(image, Page, DeviceWindows);
        using FaultMachine machine = new(image);
        _machine = machine;
        machine.StepTo(events.Device.Steps);
        ShowDevice();
        machine.StepTo(events.Own.Steps);
        ShowOwn(events.DataPage);
        machine.StepTo(events.Read.Steps);
        ShowRead();
        machine.StepTo(events.Write.Steps);
        ShowWrite();
    }

    /// <summary>A part's text.</summary>
    public static string Of(string argument)
    {
        string[] words = argument.Split(' ');
        lock (_stories)
        {
            if (!_stories.TryGetValue(words[0], out FaultStory? story))
            {
                _stories[words[0]] = story = new FaultStory(words[0]);
            }

            Assert.True(story._parts.TryGetValue(words[1], out string? text), $"the story of {words[0]} has no part {words[1]}: it has {string.Join(", ", story._parts.Keys)}");
            return text;
        }
    }

    // The fault that the chapter follows: a read of a page whose A and D the guest has taken away.
    private void ShowRead()
    {
        uint eip = _machine.RawEip;
        ulong first = _machine.Guest.Processor.Instructions;
        Set("instruction", [FaultText.Instruction(_machine, eip), $"cs 0x{_machine.Registers.Segment(SegmentName.Cs).Selector:x}: level {_machine.Registers.Cpl}"]);
        Set("processor", [$"cr3 0x{_machine.Registers.Cr3:x7}", .. FaultText.ShadowWalk(_machine, Page)]);
        Set("gate", Gate());
        List<string> into = Into();
        Set("stub", into);
        Set("frame", Frame());
        Set("registers", [$"cr2 0x{_machine.Registers.Cr2:x8}", .. Last()]);
        List<string> walk = [.. FaultText.GuestWalk(_machine, Page)];
        ulong before = FaultText.GuestLeaf(_machine, Page);
        long mapped = _machine.Guest.Mmu.Statistics.LeavesMapped;
        _machine.Step();
        Set("walk", walk);
        PagingEvent handled = _machine.Guest.RecentFaults[^1];
        Assert.Equal((FaultKind.Mapped, Page), (handled.Outcome, handled.Address));
        Assert.Equal(mapped + 1, _machine.Guest.Mmu.Statistics.LeavesMapped);
        ulong after = FaultText.GuestLeaf(_machine, Page);
        Set("mark", [$"guest's leaf before   0x{before:x8}   {FaultText.Flags(before)}", $"guest's leaf after    0x{after:x8}   {FaultText.Flags(after)}"]);
        Set("leaf", FaultText.ShadowWalk(_machine, Page));
        Set("back", Back(eip, "pop eax, the first of them, is done"));
        uint value = _machine.PhysicalWord(new Gpa(after & PageEntry.AddressMask));
        _machine.Step();
        Set("again",
        [
            $"{FaultText.Instruction(_machine, eip)}   done: the word at 0x{Page:x} is {value}",
            $"instructions from the fault to here: {_machine.Guest.Processor.Instructions - first}; the Switcher's: {into.Count - 1} in and {SwitcherReturn} out; the delivery counts as one",
            $"shadow leaf   0x{FaultText.ShadowLeaf(_machine, Page):x8}   {FaultText.Flags(FaultText.ShadowLeaf(_machine, Page))}",
        ]);
    }

    // The store that follows.
    private void ShowWrite()
    {
        uint eip = _machine.RawEip;
        List<string> text = [FaultText.Instruction(_machine, eip)];
        text.Add(Pair("guest's leaf before", FaultText.GuestLeaf(_machine, Page)));
        text.Add(Pair("shadow leaf before", FaultText.ShadowLeaf(_machine, Page)));
        Into();
        text.Insert(1, $"error code 0x{FrameWord(12):x}: {(PageFaultCode)FrameWord(12)}");
        long upgraded = _machine.Guest.Mmu.Statistics.LeavesUpgraded;
        _machine.Step();
        Assert.Equal(upgraded + 1, _machine.Guest.Mmu.Statistics.LeavesUpgraded);
        text.Add(Pair("guest's leaf after", FaultText.GuestLeaf(_machine, Page)));
        text.Add(Pair("shadow leaf after", FaultText.ShadowLeaf(_machine, Page)));
        Set("store", text);
    }

    // The first touch of the page: the guest's own fault.
    private void ShowOwn(Gpa dataPage)
    {
        uint eip = _machine.RawEip;
        List<string> text = [FaultText.Instruction(_machine, eip), .. FaultText.GuestWalk(_machine, Page)];
        Into();
        uint code = FrameWord(12);
        uint stack = _machine.SwitcherWord(_machine.StatePage + TaskState + 12);
        _machine.Step();
        PagingEvent handled = _machine.Guest.RecentFaults[^1];
        Assert.Equal((FaultKind.GuestFault, Page), (handled.Outcome, handled.Address));
        text.Add($"error code 0x{code:x}: {(PageFaultCode)code}; outcome {handled.Outcome}");
        Set("own", text);

        uint esp = FrameWord(16);
        List<string> delivered =
        [
            $"cr2, at gpa 0x{dataPage.Value + 8:x6} in the guest's data page: 0x{_machine.PhysicalWord(new Gpa(dataPage.Value + 8)):x8}",
            $"irq_enabled, at gpa 0x{dataPage.Value:x6}: 0x{_machine.PhysicalWord(dataPage):x}",
        ];
        string[] names = ["error code", "eip", "cs", "eflags", "esp", "ss"];
        for (int i = names.Length - 1; i >= 0; i--)
        {
            delivered.Add($"guest's stack 0x{esp + (4 * (uint)i):x8}   0x{_machine.GuestWord(esp + (4 * (uint)i)):x8}   {names[i]}");
        }

        Assert.Equal(stack, esp + 24);
        delivered.Add($"the frame now   eip 0x{FrameWord(13):x8}   cs 0x{FrameWord(14):x2}   esp 0x{esp:x8}   ss 0x{FrameWord(17):x2}");
        Set("reflected", delivered);
    }

    private void ShowDevice()
    {
        uint eip = _machine.RawEip;
        List<string> text = [FaultText.Instruction(_machine, eip)];
        long accesses = _machine.Guest.Statistics.DeviceAccesses;
        Into();
        uint address = _machine.Registers.Cr2;
        text.AddRange(FaultText.GuestWalk(_machine, address));
        _machine.Step();
        PagingEvent handled = _machine.Guest.RecentFaults[^1];
        Assert.Equal((FaultKind.Device, address), (handled.Outcome, handled.Address));
        Assert.Equal(accesses + 1, _machine.Guest.Statistics.DeviceAccesses);
        ulong gpa = (FaultText.GuestLeaf(_machine, address) & PageEntry.AddressMask) | (address & PageSize.OffsetMask);
        text.Add($"address 0x{address:x8}: gpa 0x{gpa:x}, in a device window; memory ends at 0x{(ulong)_machine.Guest.Memory.PageCount << PageSize.Shift:x}");
        text.Add(Pair("shadow leaf", FaultText.ShadowLeaf(_machine, address)));
        text.Add($"next instruction 0x{_machine.RawEip:x8}");
        Set("device", text);
    }

    private IEnumerable<string> Gate()
    {
        uint at = _machine.Registers.Idt.Base + PageFaultGate;
        uint low = _machine.SwitcherWord(at), high = _machine.SwitcherWord(at + 4);
        uint task = _machine.Registers.Task.Base;
        Assert.Equal(_machine.StatePage + TaskState, task);
        return
        [
            $"idt    0x{_machine.Registers.Idt.Base:x8}",
            $"gate   0x{at:x8}   0x{high:x8} 0x{low:x8}   selector 0x{low >> 16:x}, offset 0x{(high & 0xFFFF0000) | (low & 0xFFFF):x8}, type 0x{(high >> 8) & 0xF:x}, level {(high >> 13) & 3}",
            $"tss    0x{task:x8}   ss0 0x{_machine.SwitcherWord(task + 8):x}, esp0 0x{_machine.SwitcherWord(task + 4):x8}",
        ];
    }

    // Steps into the Switcher up to its call, and says what was done there. The first step is the processor's own: it delivers the fault.
    private List<string> Into()
    {
        uint at = _machine.Registers.Idt.Base + PageFaultGate;
        uint stub = (_machine.SwitcherWord(at + 4) & 0xFFFF_0000) | (_machine.SwitcherWord(at) & 0xFFFF);
        _machine.Step();
        Assert.Equal(stub, _machine.RawEip);
        List<string> text = [WithStack("exception 14")];
        do
        {
            string line = FaultText.Instruction(_machine, _machine.RawEip);
            _machine.Step();
            text.Add(WithStack(line));
        }
        while (!text[^1].Contains("vmcall", StringComparison.Ordinal));
        return text;
    }

    private string WithStack(string line) => $"{line,-54} esp 0x{_machine.Registers[GeneralRegister.Esp]:x8}";

    private List<string> Back(uint eip, string note)
    {
        List<string> text = [$"({note})"];
        while (_machine.IsInSwitcher)
        {
            text.Add(FaultText.Instruction(_machine, _machine.RawEip));
            _machine.Step();
        }

        Assert.Equal(SwitcherReturn, text.Count);
        Assert.Equal(eip, _machine.RawEip);
        return text;
    }

    private IEnumerable<string> Frame()
    {
        for (int word = _words.Length - 1; word >= 0; word--)
        {
            string who = word > 11 ? "processor" : word == 11 ? "stub" : "common part";
            yield return $"0x{FrameAddress(word):x8}   0x{FrameWord(word):x8}   {_words[word],-11}   {who}";
        }
    }

    private IEnumerable<string> Last()
    {
        yield return $"trap {FrameWord(11)}, error code 0x{FrameWord(12):x}: {(PageFaultCode)FrameWord(12)}";
    }

    private uint FrameAddress(int word) => _machine.RegisterPage + PageSize.Bytes - FrameBytes + (4 * (uint)word);

    private uint FrameWord(int word) => _machine.SwitcherWord(FrameAddress(word));

    private static string Pair(string name, ulong entry) => string.Create(CultureInfo.InvariantCulture, $"{name,-20}  0x{entry:x8}   {FaultText.Flags(entry)}");

    private void Set(string part, IEnumerable<string> lines) => _parts[part] = string.Join('\n', lines);
}
