namespace Gnomon.Shadow.Tests.Fixture;

/// <summary>What a test's guest is made of. <c>new GuestBuilder(format) { … }.Build()</c> starts it in linear mode.</summary>
internal sealed class GuestBuilder(Format format)
{
    public const int DefaultPages = 4096;

    /// <summary>Its behaviour; see the shorthands below too.</summary>
    public ShadowOptions Options { get; init; } = new();

    /// <summary>Guest pages.</summary>
    public int Pages { get; init; } = DefaultPages;

    /// <summary>The host's limit, where the guest has a host of its own.</summary>
    public int HostMiB { get; init; } = 64;

    /// <summary>Host CPUs of the Switcher.</summary>
    public int HostCpus { get; init; } = 2;

    /// <summary>A host that outlives the guest; null: one of its own, and every frame of it must come back.</summary>
    public HostMemory? Host { get; init; }

    /// <summary>Memory made before, such as a clone's; null: fresh memory.</summary>
    public GuestMemory? Memory { get; init; }

    /// <summary>Where pages go that the host takes back.</summary>
    public IPageStore? Store { get; init; }

    /// <summary>Whether the auditor runs after every operation.</summary>
    public bool Audited { get; init; } = true;

    public Format Format => format;

    /// <summary>A paravirtual guest with everything as it is by default.</summary>
    public static TestGuest Paravirtual(Format format) => new GuestBuilder(format).Build();

    /// <summary>A paravirtual guest with some options changed.</summary>
    public static TestGuest Paravirtual(Format format, Func<ShadowOptions, ShadowOptions> change) =>
        new GuestBuilder(format) { Options = change(new ShadowOptions()) }.Build();

    /// <summary>An unmodified guest: it tells nothing.</summary>
    public static TestGuest Unmodified(Format format, Coherence coherence = Coherence.Watched) => Unmodified(format, coherence, o => o);

    /// <summary>An unmodified guest with some options changed.</summary>
    public static TestGuest Unmodified(Format format, Coherence coherence, Func<ShadowOptions, ShadowOptions> change) =>
        new GuestBuilder(format) { Options = change(new ShadowOptions { Guest = GuestKind.Unmodified, Coherence = coherence }) }.Build();

    public TestGuest Build() => new(this);
}
