#!/usr/bin/env bash
# Copyright: (c) 2026, multitier.loadbalancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Install what the lab and the tests need: Debian packages, and a Python environment in .venv.
# Does only what is missing; --without-lab skips the lab's packages. PYTHON=/path/to/python3 chooses the interpreter of
# the environment (3.11 or newer).
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# Debian packages, as root or with sudo.
install_packages() {
    local as_root=()
    command -v apt-get >/dev/null || die "this machine has no apt-get; install the contents of these Debian packages yourself: $*"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "packages are missing; run as root: apt-get install $*"
        sudo -n true 2>/dev/null || [ -t 0 ] || die "packages are missing, and sudo asks for a password; run: sudo apt-get install $*"
        as_root=(sudo)
    fi
    say "installing Debian packages: $*"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update || say "apt-get update failed; trying with the existing package lists"
    "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null || die "apt-get could not install: $*"
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing=()
while read -r package program _; do
    # another distribution may have the program without the package
    command -v "$program" >/dev/null || PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null ||
        installed "$package" || missing+=("$package")
done < <([ "${1:-}" = --without-lab ] || grep -v '^ *\(#\|$\)' tools/apt_packages.txt)

# A Python that is new enough; without ensurepip it cannot create an environment (on Debian: package python3-venv).
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
complete() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

choose_python() {
    local candidate
    for candidate in ${PYTHON:-python3 /usr/bin/python3 python3.11 python3.12 python3.13}; do
        if new_enough "$candidate" && { [ -n "${1:-}" ] || complete "$candidate"; }; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

if ! [ -x .venv/bin/python ] && ! choose_python >/dev/null; then
    choose_python incomplete >/dev/null || die "no Python of version 3.11 or newer found; set PYTHON=/path/to/one"
    missing+=(python3-venv)
fi
[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"

# The environment is created again if its interpreter is gone, and installed again if the requirements have changed.
if ! .venv/bin/python -c '' 2>/dev/null; then
    python=$(choose_python) || die "Python's venv module is incomplete; install python3-venv"
    say "creating .venv with $("$python" -c 'import sys; print(sys.executable, sys.version.split()[0])')"
    "$python" -m venv --clear .venv
fi
if ! cmp -s requirements.txt .venv/requirements.installed; then
    say "installing requirements.txt in .venv (a minute when nothing is cached)"
    # most files are never used: each is compiled at its first use
    .venv/bin/python -m pip install --quiet --no-compile --disable-pip-version-check -r requirements.txt ||
        die "pip could not install requirements.txt"
    cp requirements.txt .venv/requirements.installed
fi
