#!/bin/sh
# install.sh install|uninstall DESTDIR PREFIX LIBEXEC: puts what `make` has built where it belongs below DESTDIR, or removes
# what an installation there has put. Starts and stops nothing; needs neither cargo nor rustc.
#
# FOSSE_PROGRAMS  the directory of the programs, if not the one that make has built into
# ZSH_FUNCTIONS   the directory of zsh's completions, if not the one of this system
set -eu
umask 022

# What people type in a shell is found there; fosse-start finds all of them in LIBEXEC. Links, so that there is one of each.
typed='canary config frames load parse static waf-filter'
verb=$1 destdir=$2 prefix=$3 libexec=$4
top=$(cd "$(dirname "$0")/.." && pwd)
share=$prefix/share/fosse
# Every path that an installation has put, without DESTDIR; uninstall removes these and no others.
list=$destdir$share/installed
sample=/etc/fosse/fosse.toml

die() {
    echo "install: $*" >&2
    exit 1
}

# put MODE FILE TARGET
put() {
    install -d -m 755 "$destdir$(dirname "$3")"
    install -m "$1" "$2" "$destdir$3"
    echo "$3" >> "$list.new"
}

# put_with_places MODE FILE TARGET: with the paths of this prefix in place of those of packages.
put_with_places() {
    put "$1" "$2" "$3"
    sed -i "s|/usr/libexec/fosse|$libexec|g; s|/usr/bin/fosse|$prefix/bin/fosse|g" "$destdir$3"
}

programs() {
    for directory in "$top"/bins/*/; do
        name=$(basename "$directory")
        if [ "$name" = fosse ]; then put 755 "$built/fosse" "$prefix/bin/fosse"; else put 755 "$built/fosse-$name" "$libexec/fosse-$name"; fi
    done
    for name in $typed; do
        ln -sf "$libexec/fosse-$name" "$destdir$prefix/bin/fosse-$name"
        echo "$prefix/bin/fosse-$name" >> "$list.new"
    done
}

pages() {
    for page in "$top"/man/*.[1-8]; do
        put 644 "$page" "$prefix/share/man/man${page##*.}/$(basename "$page")"
    done
    for page in README.md INSTALL.md SECURITY.md LICENSE-APACHE LICENSE-MIT; do
        put 644 "$top/$page" "$prefix/share/doc/fosse/$page"
    done
    put 644 "$top/docs/ARCHITECTURE.md" "$prefix/share/doc/fosse/docs/ARCHITECTURE.md"
    put 644 "$top/packaging/fosse.toml" "$prefix/share/doc/fosse/fosse.toml"
}

completions() {
    # Debian's zsh looks below /usr in vendor-completions alone; others, and all below /usr/local, in site-functions.
    zsh=$prefix/share/zsh/site-functions
    if [ "$prefix" = /usr ] && [ -e /etc/debian_version ]; then zsh=$prefix/share/zsh/vendor-completions; fi
    put 644 "$top/packaging/completions/bash/fosse" "$prefix/share/bash-completion/completions/fosse"
    put 644 "$top/packaging/completions/zsh/_fosse" "${ZSH_FUNCTIONS:-$zsh}/_fosse"
    put 644 "$top/packaging/completions/fish/fosse.fish" "$prefix/share/fish/vendor_completions.d/fosse.fish"
}

services() {
    put 644 "$top/packaging/sysusers.d/fosse.conf" "$prefix/lib/sysusers.d/fosse.conf"
    put 644 "$top/packaging/tmpfiles.d/fosse.conf" "$prefix/lib/tmpfiles.d/fosse.conf"
    put_with_places 644 "$top/packaging/systemd/fosse.service" "$prefix/lib/systemd/system/fosse.service"
    put_with_places 644 "$top/packaging/logrotate.d/fosse" /etc/logrotate.d/fosse
    for kind in runit daemontools s6; do
        for file in $(cd "$top/svc/$kind" && find . -type f | sed 's|^\./||' | sort); do
            put_with_places "$(stat -c %a "$top/svc/$kind/$file")" "$top/svc/$kind/$file" "$share/svc/$kind/$file"
        done
    done
}

# The configuration belongs to the administrator: it is made once, and removed only as it was made.
configuration() {
    [ -e "$destdir$sample" ] || install -D -m 644 "$top/packaging/fosse.toml" "$destdir$sample"
}

# remove FILE: removes what the list FILE names, and directories of fosse alone that are empty then.
remove() {
    while read -r path; do
        rm -f "$destdir$path"
    done < "$1"
    for directory in "$libexec" "$share" "$prefix/share/doc/fosse"; do
        [ ! -d "$destdir$directory" ] || find "$destdir$directory" -depth -type d -empty -delete
    done
}

case $verb in
    install)
        built=${FOSSE_PROGRAMS:-$(cat "$top/target/programs" 2> /dev/null || true)}
        [ -n "$built" ] || die "nothing is built; run make first"
        [ -x "$built/fosse-start" ] || die "nothing in $built; run make first"
        install -d -m 755 "$destdir$share"
        : > "$list.new"
        programs
        pages
        completions
        services
        configuration
        echo "$share/installed" >> "$list.new"
        # What an earlier version had put and this one does not have.
        if [ -e "$list" ]; then
            grep -vxF -f "$list.new" "$list" > "$list.old" || true
            remove "$list.old"
            rm -f "$list.old"
        fi
        mv "$list.new" "$list"
        ;;
    uninstall)
        [ -e "$list" ] || die "no list of what was installed in $list; is PREFIX the one of make install?"
        copy=$(mktemp)
        if cmp -s "$destdir$sample" "$destdir$prefix/share/doc/fosse/fosse.toml"; then
            rm -f "$destdir$sample"
            rmdir "$destdir/etc/fosse" 2> /dev/null || true
        fi
        cp "$list" "$copy"
        remove "$copy"
        rm -f "$copy"
        [ ! -e "$destdir$sample" ] || echo "$sample stays: it has been changed"
        ;;
    *) die "install or uninstall, not $verb" ;;
esac
