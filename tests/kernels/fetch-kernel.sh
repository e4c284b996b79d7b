#!/bin/bash
# fetch-kernel.sh SUITE: downloads the newest cloud kernel of a Debian suite (bullseye 5.10, bookworm 6.1, trixie 6.12) and
# prints the path of its image. Nothing is installed: apt works on a state directory of its own. A second call with the
# image already there asks nobody.
#
# FOSSE_KERNELS  where to keep everything (default: ~/.cache/fosse/kernels)
# MIRROR         Debian mirror (default: the one this machine uses)
set -euo pipefail

suite=${1:?usage: fetch-kernel.sh SUITE}
home=${FOSSE_KERNELS:-${XDG_CACHE_HOME:-$HOME/.cache}/fosse/kernels}/$suite
image=$home/vmlinuz
if [ -s "$image" ]; then
    echo "$image"
    exit
fi

machines_mirror() {
    awk '/^URIs:.*\/debian$/ { print $2; exit }' /etc/apt/sources.list.d/*.sources 2>/dev/null ||
        awk '$1 == "deb" && /\/debian / { for (i = 2; i < NF; i++) if ($i ~ /^http/) { print $i; exit } }' /etc/apt/sources.list
}

mirror=${MIRROR:-$(machines_mirror)}
: "${mirror:?no Debian mirror found; set MIRROR}"
mkdir -p "$home"/{lists/partial,archives/partial}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror $suite main" > "$home/sources.list"

private_apt() {
    local tool=$1
    shift
    "$tool" -q -o Dir::Etc::sourcelist="$home/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$home/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$home" \
        -o APT::Sandbox::User=root "$@"
}

private_apt apt-get update > "$home/log" 2>&1 || {
    tail -3 "$home/log" >&2
    exit 1
}
package=$(private_apt apt-cache pkgnames linux-image- | grep -E '^linux-image-[0-9].*-cloud-amd64$' | sort -V | tail -1)
: "${package:?no cloud kernel in $suite}"
(cd "$home" && private_apt apt-get download "$package" >> "$home/log" 2>&1)
dpkg-deb --fsys-tarfile "$home/$package"_*.deb | tar -x -O --wildcards './boot/vmlinuz-*' > "$image.part"
mv "$image.part" "$image"
rm -rf "$home"/{lists,archives,./*.deb,./*.bin}
echo "$image"
