namespace Gnomon.Model.Tests.Driving;

/// <summary>What a step of a scenario does.</summary>
public enum OperationKind
{
    /// <summary>The guest writes one entry, through the one door.</summary>
    Poke,

    /// <summary>The guest writes some bytes, aligned or not: Extra bytes of Value.</summary>
    Bytes,

    /// <summary>SetPte: Address is the directory, Extra the guest-virtual address, Value the entry.</summary>
    SetPte,

    /// <summary>SetPgd: Extra is the index.</summary>
    SetPgd,

    /// <summary>SetPmd: Extra is the index.</summary>
    SetPmd,

    /// <summary>LoadPageTable.</summary>
    Load,

    /// <summary>DemandPage: Extra is the error code.</summary>
    Fault,

    /// <summary>What a CPU would do: Extra is the access; a write stores Value.</summary>
    Access,

    /// <summary>PinPage.</summary>
    Pin,

    /// <summary>SetStack: Extra pages.</summary>
    Stack,

    /// <summary>FlushUser.</summary>
    FlushUser,

    /// <summary>ClearAll.</summary>
    ClearAll,

    /// <summary>InvalidatePage.</summary>
    Invlpg,

    /// <summary>PrepareToRun: Extra is the host CPU.</summary>
    Prepare,

    /// <summary>TranslateGuest.</summary>
    Translate,

    /// <summary>SetControls: Extra.</summary>
    Controls,

    /// <summary>EnterLinear.</summary>
    EnterLinear,

    /// <summary>SetGuestData.</summary>
    GuestData,

    /// <summary>The host takes a page back.</summary>
    Reclaim,

    /// <summary>The shrinker: Extra tables.</summary>
    Trim,

    /// <summary>The next Extra allocations fail.</summary>
    FailAllocations,

    /// <summary>A second guest with the same memory.</summary>
    Clone,

    /// <summary>A clone writes.</summary>
    CloneStore,

    /// <summary>A clone goes.</summary>
    CloneDrop,
}

/// <summary>One step. Its numbers are final when it is generated, so that any subset of a sequence is a sequence.</summary>
public readonly record struct Operation(OperationKind Kind, int Cpu = 0, ulong Address = 0, ulong Value = 0, uint Extra = 0);
