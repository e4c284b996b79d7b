# stage.sh DIRECTORY TREE PROGRAMS RULES: makes a machine to run examples on, in namespaces of its own (unshare(1) has made them):
# the files of this machine under a layer that is gone afterwards, fosse installed in it. Prints the id of the process that is
# there as long as the machine. RULES is a directory with a Core Rule Set, or nothing.
set -eu
directory=$1 tree=$2 programs=$3 rules=$4
umask 022
# As /proc outside numbers it.
read -r pid rest < /proc/self/stat

mount -t tmpfs -o mode=755 examples "$directory"
cd "$directory"
mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
for hidden in run srv home root etc/fosse etc/service; do
    mkdir -p "root/$hidden"
    mount -t tmpfs -o mode=755 examples "root/$hidden"
done
mount -t tmpfs -o mode=1777 examples root/tmp
mount --rbind /dev root/dev
rm -rf root/usr/libexec/fosse root/usr/share/fosse root/usr/bin/fosse root/usr/bin/fosse-*

# What INSTALL is read beside, and what `make` has built.
mkdir -p root/root/fosse/tests root/root/fosse/target/any/release root/opt/built
for part in Makefile man packaging svc bins docs; do cp -r "$tree/$part" root/root/fosse/; done
cp "$tree"/*.md "$tree"/LICENSE-* root/root/fosse/
cp "$tree"/tests/*.sh root/root/fosse/tests/
mount --bind "$programs" root/opt/built
ln -s /usr/bin/fosse root/root/fosse/target/any/release/fosse
make -s -C root/root/fosse install DESTDIR="$directory/root" PREFIX=/usr FOSSE_PROGRAMS="$programs" > /dev/null

mkdir -p root/home/visitor root/run/fosse root/etc/sv root/var/log/fosse root/srv/site/api root/srv/site/static root/srv/site/oauth2
mkdir -p -m 700 root/var/cache/fosse
echo 'visitor:x:2000:2000::/home/visitor:/bin/sh' >> root/etc/passwd
echo 'visitor:x:2000:' >> root/etc/group
echo 'app:x:2001:2001::/nonexistent:/usr/sbin/nologin' >> root/etc/passwd
echo 'app:x:2001:' >> root/etc/group
for name in index.html health api/orders oauth2/auth verify; do echo "$name" > "root/srv/site/$name"; done
# An attack, so that a filter without rules is seen.
request='GET /?id=1%%27%%20UNION%%20SELECT%%20password%%20FROM%%20users--%%20 HTTP/1.1\r\nHost: a\r\n\r\n'
for home in root/root root/home/visitor; do
    # shellcheck disable=SC2059 # a format on purpose
    printf "$request" > $home/request.http
    echo index > $home/index.html
done
chown -R 2000:2000 root/home/visitor
if [ -n "$rules" ]; then
    mkdir -p root/etc/fosse/crs/rules
    cp "$rules"/rules/* root/etc/fosse/crs/rules/
    for setup in "$rules/crs-setup.conf.example" /etc/modsecurity/crs/crs-setup.conf; do
        [ ! -e "$setup" ] || cp "$setup" root/etc/fosse/crs/crs-setup.conf
    done
fi

# Secrets that examples name, for the group of the edge alone.
echo 'ann:$2y$04$4I2QtmfwLH5cqpBvaZDpqeko7gZsfbb8.FyMxpEfnlxSinf36G/46' > root/etc/fosse/users
echo 'a key of examples, which is no secret of anybody' > root/etc/fosse/links.key
grep -q '^fosse:' root/etc/group || echo 'fosse:x:2002:' >> root/etc/group
chgrp "$(sed -n 's/^fosse:[^:]*:\([0-9]*\):.*/\1/p' root/etc/group)" root/etc/fosse/users root/etc/fosse/links.key
chmod 640 root/etc/fosse/users root/etc/fosse/links.key

cd root
mkdir -p old
mount -t proc proc proc
pivot_root . old
umount -l old
ip link set lo up
echo "$pid"
exec sleep infinity > /dev/null 2>&1
