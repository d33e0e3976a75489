using System.Security.Cryptography;
using Gnomon.Linux;
using Gnomon.Linux.Tests.Qemu;

namespace Gnomon.Linux.Tests.Packages;

/// <summary>The fetcher with an apt of the test's own: shell scripts that note how they were called.</summary>
public sealed class PackageFetcherTests
{
    private const string Sources = """
        # a remark
        Types: deb deb-src
        URIs: mirror://one/ mirror://two/
        Suites: bookworm bookworm-updates sid other-bookworm
        Components: main contrib
        Architectures: amd64
        Trusted: yes
        Signed-By:
         -----BEGIN KEY-----
         .
         abc
        Enabled: yes

        Types: deb-src
        URIs: mirror://source/
        Suites: bookworm
        Components: main

        Types: deb
        URIs: mirror://off/
        Suites: bookworm
        Components: main
        Enabled: no

        Types: deb
        URIs: mirror://security/
        Suites: bookworm-security
        Components: main
        Signed-By: /usr/share/keyrings/a.gpg
        """;

    [Fact]
    public void Derive_HostsLists_KeepsArchivesAndKeysOfTheReleaseOnly()
    {
        using TemporaryFolder folder = new();
        Directory.CreateDirectory(Path.Combine(folder.Path, "sources.list.d"));
        File.WriteAllText(Path.Combine(folder.Path, "sources.list.d", "debian.sources"), Sources);
        File.WriteAllText(Path.Combine(folder.Path, "sources.list.d", "vendor.list"), "deb [signed-by=/v.gpg] mirror://vendor/ vendor-bookworm main\ndeb mirror://flat/ ./\n");
        File.WriteAllText(Path.Combine(folder.Path, "sources.list.d", "old.list.disabled"), "deb mirror://disabled/ bookworm main\n");
        File.WriteAllText(
            Path.Combine(folder.Path, "sources.list"),
            "deb [arch=amd64 signed-by=/k.gpg trusted=yes] mirror://line/ bookworm main non-free # remark\n#deb mirror://remark/ bookworm main\ndeb-src mirror://src/ bookworm main\ndeb mirror://contrib/ bookworm contrib\n");
        string derived = AptSources.Derive(folder.Path, "bookworm").ReplaceLineEndings("\n");
        Assert.Equal(
            """
            Types: deb
            URIs: mirror://line/
            Suites: bookworm
            Components: main
            Signed-By: /k.gpg

            Types: deb
            URIs: mirror://one/ mirror://two/
            Suites: bookworm bookworm-updates sid
            Components: main
            Signed-By: 
             -----BEGIN KEY-----
             .
             abc

            Types: deb
            URIs: mirror://security/
            Suites: bookworm-security
            Components: main
            Signed-By: /usr/share/keyrings/a.gpg


            """.ReplaceLineEndings("\n"),
            derived);
        Assert.Equal("", AptSources.Derive(Path.Combine(folder.Path, "nothing"), "bookworm"));
    }

    [Fact]
    public void Fetch_KernelThatIsNamedByAnother_GetsThatOneAndKeepsIt()
    {
        using FakeApt apt = new();
        string file = apt.Fetcher().Fetch("linux-image-686");
        Assert.Equal("linux-image-7-686.deb", Path.GetFileName(file));
        Assert.Equal("content\n", File.ReadAllText(file));
        Assert.Equal(4, apt.Calls.Length);
        Assert.Contains("update", apt.Calls[0], StringComparison.Ordinal);

        Assert.Equal(file, apt.Fetcher().Fetch("linux-image-686"));
        Assert.Equal(4, apt.Calls.Length);
        Assert.Equal(file, apt.Fetcher(refresh: true).Fetch("linux-image-686"));
        Assert.Equal(8, apt.Calls.Length);
        Assert.Empty(Directory.GetDirectories(Path.Combine(apt.Cache, "packages")));
    }

    [Fact]
    public void Fetch_CachedFileThatChanged_IsFetchedAgain()
    {
        using FakeApt apt = new();
        string file = apt.Fetcher().Fetch("busybox-static");
        File.AppendAllText(file, "x");
        Assert.Null(apt.Fetcher().Cached("busybox-static"));
        Assert.Equal("content\n", File.ReadAllText(apt.Fetcher().Fetch("busybox-static")));
        File.Delete(file);
        Assert.Null(apt.Fetcher().Cached("busybox-static"));
        File.WriteAllText(Path.Combine(apt.Cache, "packages", "busybox-static.sha256"), "00  ../../../etc/passwd\n");
        Assert.Null(apt.Fetcher().Cached("busybox-static"));
    }

    [Fact]
    public void Fetch_UpdateThatFails_IsNoFailureWhenThePackageCanBeHad()
    {
        using FakeApt apt = new(update: 100);
        Assert.Equal("content\n", File.ReadAllText(apt.Fetcher().Fetch("linux-image-686")));
    }

    [Fact]
    public void Fetch_WhatCannotBeHad_SaysWhyAndWhatToDo()
    {
        using (FakeApt none = new(known: false))
        {
            Assert.Contains("--deb FILE", none.Refusal("linux-image-686"), StringComparison.Ordinal);
            Assert.Contains("no linux-image-686 for i386", none.Refusal("linux-image-686"), StringComparison.Ordinal);
        }

        using (FakeApt offline = new(update: 100, known: false))
        {
            Assert.Contains("cannot resolve", offline.Refusal("linux-image-686"), StringComparison.Ordinal);
        }

        using (FakeApt broken = new(download: 100))
        {
            Assert.Contains("cannot be downloaded", broken.Refusal("linux-image-686"), StringComparison.Ordinal);
            Assert.Empty(Directory.GetFiles(Path.Combine(broken.Cache, "packages")));
        }

        using (FakeApt other = new(digest: new string('0', 64)))
        {
            Assert.Contains("not what the archive announced", other.Refusal("linux-image-686"), StringComparison.Ordinal);
            Assert.Null(other.Fetcher().Cached("linux-image-686"));
        }

        using FakeApt absent = new();
        File.Delete(Path.Combine(absent.Bin, "apt-get"));
        Assert.Contains("no apt-get", absent.Refusal("linux-image-686"), StringComparison.Ordinal);
        Assert.Contains("no name of a Debian package", absent.Refusal("-o=x"), StringComparison.Ordinal);
        Assert.Contains("no name of a Debian package", absent.Refusal("../x"), StringComparison.Ordinal);
    }

    [Fact]
    public void Fetch_RefreshThatFails_UsesWhatIsThere()
    {
        using FakeApt apt = new();
        string file = apt.Fetcher().Fetch("linux-image-686");
        File.Delete(Path.Combine(apt.Bin, "apt-cache"));
        Assert.Equal(file, apt.Fetcher(refresh: true).Fetch("linux-image-686"));
    }

    [Fact]
    public void Fetch_HostWithoutItsOwnSources_SaysSo()
    {
        using FakeApt apt = new(codename: "noble");
        Assert.Contains("names no package source", apt.Refusal("linux-image-686"), StringComparison.Ordinal);
    }

    [Fact]
    public void Fetch_Configuration_KeepsOutOfTheSystemAndInsistsOnSignatures()
    {
        using FakeApt apt = new();
        apt.Fetcher().Fetch("linux-image-686");
        string configuration = File.ReadAllText(Path.Combine(apt.Cache, "apt", "apt.conf"));
        foreach (string option in (string[])["Dir::State ", "Dir::State::lists ", "Dir::State::status ", "Dir::Cache "])
        {
            string line = configuration.Split('\n').Single(text => text.StartsWith(option, StringComparison.Ordinal));
            Assert.StartsWith($"{option}\"{apt.Cache}/apt", line, StringComparison.Ordinal);
        }

        Assert.Contains("AllowInsecureRepositories \"false\"", configuration, StringComparison.Ordinal);
        Assert.Contains("AllowUnauthenticated \"false\"", configuration, StringComparison.Ordinal);
        Assert.Contains("#clear APT::Update::Post-Invoke;", configuration, StringComparison.Ordinal);
        Assert.DoesNotContain("rusted", File.ReadAllText(Path.Combine(apt.Cache, "apt", "gnomon.sources")), StringComparison.Ordinal);
    }

    private sealed class FakeApt : IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public FakeApt(int update = 0, bool known = true, int download = 0, string? digest = null, string codename = "bookworm")
        {
            Oracle.RequirePlatform(!OperatingSystem.IsWindows(), "programs that are shell scripts");
            digest ??= Convert.ToHexStringLower(SHA256.HashData("content\n"u8));
            Directory.CreateDirectory(Bin);
            Directory.CreateDirectory(Path.Combine(_folder.Path, "etc", "sources.list.d"));
            File.WriteAllText(Path.Combine(_folder.Path, "etc", "sources.list.d", "debian.sources"), Sources.Replace(" sid", "", StringComparison.Ordinal));
            _folder.File("os-release", System.Text.Encoding.UTF8.GetBytes($"ID=debian\nVERSION_CODENAME={codename}\n"));
            Program("apt-get", $$"""
                case "$3 $4" in
                  "update ") echo "E: cannot resolve the mirror" >&2; exit {{update}} ;;
                  "download --print-uris") echo "'mirror://x/$5.deb' $5.deb 8 SHA256:{{digest}}" ;;
                  "download "*) echo content >"$4.deb"; exit {{download}} ;;
                  *) exit 9 ;;
                esac
                """);
            Program("apt-cache", known
                ? """
                  echo "Package: $5"
                  if [ "$5" = linux-image-686 ]; then echo "Depends: linux-image-7-686 (= 7-1), other"; else echo "Depends: kmod"; fi
                  """
                : "echo 'E: No packages found' >&2; exit 100");
        }

        public string Bin => Path.Combine(_folder.Path, "bin");

        public string Cache => Path.Combine(_folder.Path, "cache");

        public string[] Calls => File.ReadAllLines(Path.Combine(_folder.Path, "calls"));

        public PackageFetcher Fetcher(bool refresh = false) => new(new PackageFetcherOptions
        {
            CacheFolder = Cache,
            AptFolder = Path.Combine(_folder.Path, "etc"),
            OsReleaseFile = Path.Combine(_folder.Path, "os-release"),
            SearchPath = Bin,
            Refresh = refresh,
        });

        public string Refusal(string package) => Assert.Throws<LinuxFileException>(() => Fetcher().Fetch(package)).Message;

        public void Dispose() => _folder.Dispose();

        private void Program(string name, string body)
        {
            string path = Path.Combine(Bin, name);
            File.WriteAllText(path, $"#!/bin/sh\necho {name} \"$@\" >>{_folder.Path}/calls\n{body}\n".ReplaceLineEndings("\n"));
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }
    }
}
