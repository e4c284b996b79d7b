#!/bin/sh
# install.sh DESTDIR PREFIX LIBEXEC: puts what `make` has built where it belongs below DESTDIR. Starts nothing.
#
# FOSSE_PROGRAMS  the directory of the programs, if not that of the release build
set -eu

# What people type in a shell is found there; fosse-start finds all of them in LIBEXEC. Links, so that there is one of each.
typed='canary config frames load parse static waf-filter'
destdir=$1 prefix=$2 libexec=$3
top=$(cd "$(dirname "$0")/.." && pwd)
built=${FOSSE_PROGRAMS:-$("$top/tests/programs.sh" release)}
[ -x "$built/fosse-start" ] || { echo "install: nothing in $built; run make first" >&2; exit 1; }

put() { # put MODE FILE DIRECTORY
    install -d -m 755 "$destdir$3"
    install -m "$1" "$2" "$destdir$3/"
}

for directory in "$top"/bins/*/; do
    name=$(basename "$directory")
    if [ "$name" = fosse ]; then put 755 "$built/fosse" "$prefix/bin"; else put 755 "$built/fosse-$name" "$libexec"; fi
done
for name in $typed; do
    ln -sf "$libexec/fosse-$name" "$destdir$prefix/bin/fosse-$name"
done
for page in "$top"/man/*.[1-8]; do
    put 644 "$page" "$prefix/share/man/man${page##*.}"
done
put 644 "$top/packaging/completions/bash/fosse" "$prefix/share/bash-completion/completions"
put 644 "$top/packaging/completions/zsh/_fosse" "$prefix/share/zsh/site-functions"
put 644 "$top/packaging/completions/fish/fosse.fish" "$prefix/share/fish/vendor_completions.d"
put 644 "$top/packaging/sysusers.d/fosse.conf" "$prefix/lib/sysusers.d"
put 644 "$top/packaging/tmpfiles.d/fosse.conf" "$prefix/lib/tmpfiles.d"
install -d -m 755 "$destdir$prefix/lib/systemd/system"
sed "s|/usr/libexec/fosse|$libexec|g; s|/usr/bin/fosse|$prefix/bin/fosse|g" "$top/packaging/systemd/fosse.service" \
    > "$destdir$prefix/lib/systemd/system/fosse.service"
chmod 644 "$destdir$prefix/lib/systemd/system/fosse.service"
for kind in runit daemontools s6; do
    for service in "$top/svc/$kind"/*/; do
        (cd "$service" && find . -type f) | while read -r file; do
            target=$destdir$prefix/share/fosse/svc/$kind/$(basename "$service")/$file
            install -D -m "$(stat -c %a "$service/$file")" "$service/$file" "$target"
            sed -i "s|/usr/libexec/fosse|$libexec|g" "$target"
        done
    done
done
