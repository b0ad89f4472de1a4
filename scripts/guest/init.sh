#!/bin/busybox sh
# What the guest does, as its first process: files are written, half of them deleted, what is free is given up, and then more
# is written while the image is being compacted. The sums of all files that are to be there lie in /sums of the disk.
/bin/busybox --install -s /bin
export PATH=/bin
mkdir -p /proc /dev /disk
mount -t proc none /proc
mount -t devtmpfs none /dev

fail() {
  echo "GUEST: failed: $1"
  sync
  poweroff -f
}

write_files() { # first, last
  for number in $(seq "$1" "$2"); do
    dd if=/dev/urandom of="/disk/file-$number" bs=64k count=$((1 + number % 8)) 2>/dev/null || fail "write $number"
    (cd /disk && sha256sum "file-$number") >>/sums
  done
}

while read -r module; do insmod "/modules/$module.ko" || fail "insmod $module"; done </modules/order
mount -t ext4 /dev/vda /disk || fail mount
echo "GUEST: mounted"
write_files 1 120
sync
echo "GUEST: written"
for number in $(seq 1 2 120); do
  rm "/disk/file-$number"
  sed -i "/  file-$number\$/d" /sums
done
sync
fstrim /disk || fail fstrim
sync
echo "GUEST: trimmed"
# Nothing is allocated meanwhile, so that compaction begins; the files are read past the cache.
for round in $(seq 1 12); do
  sleep 1
  echo 3 >/proc/sys/vm/drop_caches
  (cd /disk && sha256sum -c -s /sums) || fail "sums while compacted, round $round"
done
for number in $(seq 121 140); do
  write_files "$number" "$number"
  sync
done
cp /sums /disk/sums
sync
echo 3 >/proc/sys/vm/drop_caches
(cd /disk && sha256sum -c -s /sums) || fail "sums at the end"
umount /disk || fail umount
echo "GUEST: done"
poweroff -f
