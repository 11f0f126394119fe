# shellcheck shell=bash
# Shared by tools/up and tools/test; sourced, with the project's directory as the working directory.

say() { printf '== %s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# The packages of the named sections of tools/packages, one a line.
packages() {
  local line section=
  while IFS= read -r line; do
    case $line in
      '#'* | '') ;;
      '['*) section=${line//[][]/} ;;
      *) case " $* " in *" $section "*) printf '%s\n' "$line" ;; esac ;;
    esac
  done < tools/packages
}

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs what is missing of the named sections. Touches the network only if something is.
install_packages() {
  local missing=() package root=()
  command -v dpkg-query >/dev/null || die "this is not Debian: install what tools/packages names by hand, then build with cmake"
  for package in $(packages "$@"); do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || { say "packages: all there"; return; }
  say "packages: installing ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "only root can install packages. As root: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  "${root[@]}" apt-get update -qq || die "apt-get update failed: see above; is there a network?"
  # --no-remove: a host that runs another mail server must not lose it to a test.
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove "${missing[@]}" ||
    die "apt-get could not install them: see above"
}

# configure DIR [cmake options]: only if it has not been done; ninja notices by itself what changes later.
configure() {
  local dir=$1
  shift
  [ -e "$dir/build.ninja" ] && [ $# -eq 0 ] && return
  cmake -G Ninja -S . -B "$dir" "$@" >"$dir.log" 2>&1 || { cat "$dir.log" >&2; rm -f "$dir.log"; die "cmake failed: see above"; }
  rm -f "$dir.log"
}
