#!/bin/sh
# setup.sh [PACKAGE...]: installs what the tests need and this machine lacks: the Debian packages named, or those of
# `make check`, a pebble, and cargo-deny. What cannot be installed is named; tests that need it print `skipped`. Run again, it does nothing.
set -eu

# A package and the file that shows it is there.
needed='gcc /usr/bin/gcc
g++ /usr/bin/g++
curl /usr/bin/curl
strace /usr/bin/strace
python3 /usr/bin/python3
python3-prometheus-client /usr/lib/python3/dist-packages/prometheus_client
python3-django /usr/lib/python3/dist-packages/django
python3-grpcio /usr/lib/python3/dist-packages/grpc
gunicorn /usr/bin/gunicorn
uwsgi-plugin-python3 /usr/bin/uwsgi_python3
mandoc /usr/bin/mandoc
procps /usr/bin/pgrep
iproute2 /sbin/ip
jq /usr/bin/jq
logrotate /usr/sbin/logrotate
runit /usr/bin/runsv
daemontools /usr/bin/supervise
s6 /usr/bin/s6-supervise
libmodsecurity3 /usr/lib/*/libmodsecurity.so.3
modsecurity-crs /usr/share/modsecurity-crs
openssl /usr/bin/openssl
sslscan /usr/bin/sslscan
nghttp2-client /usr/bin/h2load
nghttp2-server /usr/sbin/nghttpd
nginx-light /usr/sbin/nginx
haproxy /usr/sbin/haproxy
caddy /usr/bin/caddy
lighttpd /usr/sbin/lighttpd
lighttpd-mod-webdav /usr/lib/lighttpd/mod_webdav.so
git /usr/lib/git-core/git-http-backend
uvicorn /usr/bin/uvicorn
nodejs /usr/bin/node
php-cli /usr/bin/php
php-fpm /usr/sbin/php-fpm*
php-mysql /usr/lib/php/*/mysqli.so
mariadb-server /usr/sbin/mariadbd
wordpress /usr/share/wordpress
wordpress-theme-twentytwentythree /usr/share/wordpress/wp-content/themes/twentytwentythree
docker-registry /usr/bin/docker-registry
skopeo /usr/bin/skopeo'

say() { echo "setup: $*"; }

if [ $# -gt 0 ]; then
    wanted=$*
    missing=
    for package in $wanted; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2> /dev/null | grep -qx installed || missing="$missing $package"
    done
else
    missing=$(echo "$needed" | while read -r package file; do
        # shellcheck disable=SC2086 # a pattern on purpose
        set -- $file
        [ -e "$1" ] || echo "$package"
    done)
fi

# Options of apt-get for lists of packages other than this machine's.
lists=

install_packages() {
    command -v apt-get > /dev/null || { say "no apt-get; install by hand: $*"; return; }
    as_root=
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2> /dev/null || { say "not root; install by hand: apt-get install $*"; return; }
        as_root='sudo -n'
    fi
    say "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    # Servers are for the tests to start: none of them may take port 80 of this machine now (Debian Policy 9.3.3.2).
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy > /dev/null
        $as_root chmod 755 $policy
        # shellcheck disable=SC2064 # as it is now
        trap "$as_root rm -f $policy" EXIT
    fi
    # shellcheck disable=SC2086 # words on purpose
    $as_root apt-get -qq $lists update < /dev/null || say "apt-get update failed; trying with the lists that are there"
    # One that cannot be had must not keep the others away.
    # shellcheck disable=SC2086 # words on purpose
    $as_root apt-get -qq -y $lists --no-install-recommends install "$@" < /dev/null > /dev/null ||
        for package in "$@"; do
            $as_root apt-get -qq -y $lists --no-install-recommends install "$package" < /dev/null > /dev/null || say "unable to install $package"
        done
}

# Debian 12's pebble knows no renewal information (RFC 9773); Debian 13's does, and needs nothing else of Debian 13. It comes by
# lists that are thrown away, so that no other package of this machine ever comes from there.
install_pebble() {
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -e $keys ] || { say "no debian-archive-keyring; install pebble 2.6 by hand"; return; }
    newer=$(mktemp -d)
    mkdir -p "$newer/lists/partial"
    chmod 755 "$newer"
    echo "deb [signed-by=$keys] http://deb.debian.org/debian trixie main" > "$newer/trixie.list"
    lists="-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=$newer -o Dir::State::lists=$newer/lists
           -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="
    install_packages 'pebble=2.6*'
    lists=
    rm -rf "$newer"
}

# shellcheck disable=SC2086 # words on purpose
[ -z "$missing" ] || install_packages $missing
[ $# -gt 0 ] || dpkg-query -W -f '${Version}' pebble 2> /dev/null | grep -q '^2\.[6-9]' || install_pebble

# The version is fixed: a newer one may judge differently overnight.
if [ $# -eq 0 ] && ! cargo deny --version > /dev/null 2>&1; then
    say "installing cargo-deny (three to six minutes on two cores)"
    # A target directory of its own, thrown away: nothing of it is used again.
    build=$(mktemp -d)
    CARGO_TARGET_DIR=$build timeout 900 cargo install --quiet --locked --debug --version 0.20.2 cargo-deny < /dev/null ||
        say "unable to install cargo-deny; the licence test of tests/tidy stands alone"
    rm -rf "$build"
fi
