namespace Gnomon.Paging;

/// <summary>What an access wants of a page, as the bits of the error code that it would raise.</summary>
/// <remarks>Only <see cref="PageFaultCode.Write"/>, <see cref="PageFaultCode.User"/> and <see cref="PageFaultCode.Fetch"/> are kept.</remarks>
public readonly record struct PageAccess
{
    private const PageFaultCode Kept = PageFaultCode.Write | PageFaultCode.User | PageFaultCode.Fetch;

    /// <summary>An access of this kind; bits 0 and 3 and unknown ones are ignored.</summary>
    public PageAccess(PageFaultCode code) => Code = code & Kept;

    /// <summary>The kind, as error-code bits.</summary>
    public PageFaultCode Code { get; }

    /// <summary>Whether it writes.</summary>
    public bool IsWrite => (Code & PageFaultCode.Write) != 0;

    /// <summary>Whether it comes from user code.</summary>
    public bool IsUser => (Code & PageFaultCode.User) != 0;

    /// <summary>Whether it fetches an instruction.</summary>
    public bool IsFetch => (Code & PageFaultCode.Fetch) != 0;
}
