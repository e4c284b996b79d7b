#!/bin/bash
# guest.sh COMMAND: a Debian of its own with systemd as PID 1, in a container made of namespaces, on any host.
#
#   guest.sh build        makes the tree it boots from, once (a minute or two; packages from this host's mirror)
#   guest.sh boot         boots it, with a layer in memory over the tree that is gone afterwards
#   guest.sh run COMMAND  runs a shell command in it
#   guest.sh net COMMAND...  runs a command of the host in its network, which has a loopback interface and nothing else
#   guest.sh root         says where its files are seen from the host
#   guest.sh end          ends it; nothing of it is left but the tree
#
# GUEST_DIR  where the tree lies (default: $XDG_CACHE_HOME/fosse-guest, else ~/.cache/fosse-guest)
# Needs root, systemd-container, mmdebstrap, iproute2, util-linux.
set -euo pipefail

suite=bookworm
dir=${GUEST_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/fosse-guest}
tree=$dir/$suite layer=$dir/layer root=$dir/root pidfile=$dir/container.pid
network=fosse-guest
packages=systemd,systemd-sysv,dbus,procps

# The guest's first process as the host numbers it: the container's only child.
first() {
    [ -f "$pidfile" ] && pgrep -P "$(cat "$pidfile")" | head -1
}

inside() {
    nsenter -t "$(first)" -m -u -i -n -p -r -w -- \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb "$@"
}

build() {
    [ ! -d "$tree" ] || return 0
    mkdir -p "$dir"
    local mirror
    mirror=$(awk '/^URIs:.*\/debian$/ { print $2; exit }' /etc/apt/sources.list.d/*.sources 2> /dev/null || true)
    rm -rf "$tree.new"
    mmdebstrap --quiet --variant=minbase --include="$packages" \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        "$suite" "$tree.new" "deb ${mirror:-http://deb.debian.org/debian} $suite main"
    # Nobody logs in, and nothing starts by the clock while a test looks.
    local unit
    for unit in getty.target console-getty.service systemd-logind.service apt-daily.timer apt-daily-upgrade.timer \
        e2scrub_all.timer fstrim.timer; do
        ln -sf /dev/null "$tree.new/etc/systemd/system/$unit"
    done
    ln -sf /usr/lib/systemd/system/multi-user.target "$tree.new/etc/systemd/system/default.target"
    : > "$tree.new/etc/machine-id"
    echo guest > "$tree.new/etc/hostname"
    mv "$tree.new" "$tree"
}

boot() {
    [ ! -e "$pidfile" ] || { echo "guest: already there; guest.sh end" >&2; exit 1; }
    mkdir -p "$layer" "$root"
    mount -t tmpfs -o mode=755 fosse-guest "$layer"
    mkdir "$layer/upper" "$layer/work"
    mount -t overlay -o "lowerdir=$tree,upperdir=$layer/upper,workdir=$layer/work" fosse-guest "$root"
    ip netns add "$network"
    ip -n "$network" link set lo up
    # What fosse locks itself with must come through the container's own filter.
    setsid env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --directory "$root" --boot --register=no --keep-unit \
        --machine="$network" --network-namespace-path="/run/netns/$network" --resolv-conf=off --timezone=off --link-journal=no \
        --system-call-filter='@sandbox landlock_create_ruleset landlock_add_rule landlock_restrict_self' \
        --kill-signal=SIGRTMIN+3 < /dev/null > "$dir/console" 2>&1 &
    echo $! > "$pidfile"
    local state
    for _ in $(seq 300); do
        state=$([ -z "$(first)" ] || inside systemctl is-system-running 2> /dev/null || true)
        case $state in running | degraded) return 0 ;; esac
        sleep 0.1
    done
    echo "guest: not up after 30 s" >&2
    tail -30 "$dir/console" >&2
    exit 1
}

end() {
    local container
    container=$(cat "$pidfile" 2> /dev/null || true)
    if [ -n "$container" ] && kill -TERM "$container" 2> /dev/null; then
        for _ in $(seq 150); do
            kill -0 "$container" 2> /dev/null || break
            sleep 0.1
        done
        kill -KILL "$container" 2> /dev/null || true
    fi
    ip netns del "$network" 2> /dev/null || true
    local place
    for place in "$root" "$layer"; do
        mountpoint -q "$place" && { umount "$place" 2> /dev/null || umount -l "$place"; }
    done
    rm -f "$pidfile"
}

command=${1:?usage: guest.sh build|boot|run|net|root|end}
shift
case $command in
    build | boot | end) "$command" ;;
    run) inside /bin/sh -c "$*" ;;
    net) exec ip netns exec "$network" "$@" ;;
    root) echo "$root" ;;
    *) sed -n 2,12p "$0" >&2; exit 100 ;;
esac
