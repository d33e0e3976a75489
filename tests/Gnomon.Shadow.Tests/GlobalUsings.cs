global using Gnomon.Memory;
global using Gnomon.Paging;
global using Gnomon.Shadow.Tests.Fixture;
global using static Gnomon.Shadow.Tests.Fixture.EntryFlags;
global using static Gnomon.Shadow.Tests.Fixture.Places;
