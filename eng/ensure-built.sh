# shellcheck shell=bash
# Sourced by ./build and ./gnomon: builds one executable project in Release when its sources changed since the last time.

# fail MESSAGE...: says why on stderr and ends with 127, the shell's code for "a command is missing".
fail() {
  printf '%s\n' "$@" >&2
  exit 127
}

# require_sdk: a .NET SDK that global.json accepts, or a sentence that helps. Call it in the repository's root.
require_sdk() {
  command -v dotnet >/dev/null 2>&1 || fail \
    "dotnet is not on the PATH: Gnomon needs the .NET 10 SDK." \
    "See https://dotnet.microsoft.com/download/dotnet/10.0, or put the directory of an installed SDK on the PATH."
  dotnet --version >/dev/null 2>&1 || fail \
    "The .NET SDK found ($(command -v dotnet)) is too old or incomplete: Gnomon needs the .NET 10 SDK (see global.json)." \
    "Installed here: $(dotnet --list-sdks 2>/dev/null | tr '\n' ' ')"
}

# sources SINCE DIR...: the files whose change asks for a new build, one a line; only those newer than SINCE if it is not "".
sources() {
  local since=$1
  shift
  find "$@" Directory.*.* global.json .editorconfig \
    \( -name bin -o -name obj -o -name node_modules \) -prune -o -type f ${since:+-newer "$since"} -print | LC_ALL=C sort
}

# is_current STAMP DLL DIR...: the program is there, no source came or went, and none is newer than the last build's start.
is_current() {
  local stamp=$1 dll=$2
  shift 2
  [ -f "$stamp" ] && [ -f "$dll" ] && [ "$(sources "" "$@")" = "$(cat "$stamp")" ] && [ -z "$(sources "$stamp" "$@")" ]
}

# ensure_built NAME PROJECT DLL DIR...: builds PROJECT unless it is current. Paths are relative to the repository's root,
# which must be the current directory. Silent but for one line; what the build printed is shown only if it fails.
ensure_built() {
  local name=$1 project=$2 dll=$3 stamp="artifacts/stamps/$1" log="artifacts/stamps/$1.log" started
  shift 3
  command -v dotnet >/dev/null 2>&1 || require_sdk
  is_current "$stamp" "$dll" "$@" && return 0
  require_sdk
  mkdir -p artifacts/stamps

  # One build at a time in this directory: a second caller waits, and then finds everything done.
  exec 9>artifacts/stamps/lock
  if command -v flock >/dev/null 2>&1; then flock 9; fi
  if ! is_current "$stamp" "$dll" "$@"; then
    if [ -f "$dll" ]; then echo "building $name ..." >&2; else echo "building $name (once) ..." >&2; fi
    started=$(mktemp artifacts/stamps/started.XXXXXX)
    sources "" "$@" >"$started"
    if ! dotnet build "$project" --configuration Release --nologo --verbosity quiet "-clp:ErrorsOnly;NoSummary" >"$log" 2>&1 9>&-; then
      cat "$log" >&2
      rm -f "$started"
      echo "$name does not build (see above)." >&2
      exit 1
    fi
    mv -f "$started" "$stamp"
  fi
  exec 9>&-
}
