#!/bin/bash
# boot-kernel.sh KERNEL DIRECTORY COMMAND [ARGUMENT...]
# Boots KERNEL in qemu with DIRECTORY as its root in memory, runs COMMAND there as root, prints what it prints and exits
# with its status. Needs qemu-system-x86_64, cpio and a static busybox; no KVM, no root. Nothing survives the run.
#
# LIMIT   seconds until the machine is given up (default 300; software emulation boots in 5 to 30)
# MEMORY  MiB (default 384)
# APPEND  more kernel options, as lsm=yama
set -euo pipefail

kernel=${1:?usage: boot-kernel.sh KERNEL DIRECTORY COMMAND [ARGUMENT...]}
directory=${2:?usage: boot-kernel.sh KERNEL DIRECTORY COMMAND [ARGUMENT...]}
shift 2
for tool in qemu-system-x86_64 cpio busybox; do
    command -v "$tool" > /dev/null || {
        echo "boot-kernel: $tool is missing (apt-get install qemu-system-x86 seabios cpio busybox-static)" >&2
        exit 125
    }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
cp -a "$directory" "$root"
mkdir -p "$root"/{bin,proc,sys,dev,tmp,run,etc}
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in sh mount cat echo ip poweroff chmod; do
    ln -sf busybox "$root/bin/$applet"
done
printf '%q ' "$@" > "$root/command"
cat > "$root/init" <<'INIT'
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t securityfs security /sys/kernel/security
ip link set lo up
echo "[output"
sh /command 2>&1
echo "[status $?"
poweroff -f
INIT
chmod 755 "$root/init"
(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) > "$work/initrd"

# The cpu is the emulator's largest, less two features that software emulation makes slow or unusable.
timeout "${LIMIT:-300}" qemu-system-x86_64 -accel tcg -cpu max,-cx16,-la57 -m "${MEMORY:-384}" -nodefaults -display none \
    -serial stdio -no-reboot -nic none -kernel "$kernel" -initrd "$work/initrd" \
    -append "console=ttyS0 quiet panic=-1 ${APPEND:-}" < /dev/null > "$work/console" 2>&1 || true

tr -d '\r' < "$work/console" | sed -n '/^\[output$/,/^\[status/ { /^\[output$/d; /^\[status/d; p }'
status=$(tr -d '\r' < "$work/console" | sed -n 's/^\[status //p')
if [ -z "$status" ]; then
    echo "boot-kernel: the machine gave no status; its last words:" >&2
    tail -15 "$work/console" >&2
    exit 125
fi
exit "$status"
