using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>Whose matter a page fault is.</summary>
public enum FaultKind
{
    /// <summary>The shadows have the page now: run the instruction again.</summary>
    Mapped,

    /// <summary>The guest's own tables forbid the access: give the guest a page fault with <see cref="FaultOutcome.Code"/>.</summary>
    GuestFault,

    /// <summary>A device window, or for an unmodified guest nothing at all, stands at <see cref="FaultOutcome.Address"/>: the executor performs the access there.</summary>
    Device,

    /// <summary>A store to a page that holds a watched guest table: the executor performs it through <see cref="GuestMemory.Write"/>, which reports it.</summary>
    Watched,
}

/// <summary>How a page fault ended. A value, because faults are the normal path.</summary>
/// <param name="Kind">Whose matter it is.</param>
/// <param name="Code">For <see cref="FaultKind.GuestFault"/>: the error code that the guest sees.</param>
/// <param name="Address">For <see cref="FaultKind.Device"/> and <see cref="FaultKind.Watched"/>: the guest-physical address of the access.</param>
public readonly record struct FaultOutcome(FaultKind Kind, PageFaultCode Code, Gpa Address)
{
    /// <summary>The shadows have the page now.</summary>
    public static FaultOutcome Mapped => default;

    /// <summary>The guest's own fault.</summary>
    public static FaultOutcome Fault(PageFaultCode code) => new(FaultKind.GuestFault, code, default);

    /// <summary>A device's matter.</summary>
    public static FaultOutcome Device(Gpa address) => new(FaultKind.Device, default, address);

    /// <summary>A store that must be reported.</summary>
    public static FaultOutcome Watched(Gpa address) => new(FaultKind.Watched, default, address);
}
