#!/bin/busybox sh
# The lab's first process: loads the modules, makes the host's files the root, and hands over to run.sh.
b=/bin/busybox

die() {
  echo "<2>vsockspec-lab: $*" > /dev/kmsg
  $b reboot -f
}

$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t tracefs tracing /sys/kernel/tracing

while read -r weight module; do
  $b insmod "/lab/modules/$module.ko" || [ "$weight" = wanted ] || die "the module $module cannot be loaded"
done < /lab/order

$b mount -t virtiofs -o ro root /lower || die "the host's files cannot be mounted"
$b mount -t tmpfs -o mode=755 upper /upper
$b mkdir /upper/upper /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/upper,workdir=/upper/work root /newroot || die "the overlay cannot be mounted"
while read -r tag folder; do
  $b mkdir -p "/newroot$folder"
  $b mount -t virtiofs "$tag" "/newroot$folder" || die "$folder cannot be mounted"
done < /lab/shares

for folder in dev proc sys; do
  $b mkdir -p /newroot/$folder
  $b mount --move /$folder /newroot/$folder
done
$b mkdir -p /newroot/dev/shm /newroot/dev/pts
$b mount -t tmpfs shm /newroot/dev/shm
$b mount -t devpts devpts /newroot/dev/pts
$b ifconfig lo 127.0.0.1 up

# On the overlay's tmpfs: what is here ends with the lab.
$b mkdir /newroot/.vsockspec-lab
$b cp /bin/busybox /lab/run.sh /lab/settings /newroot/.vsockspec-lab/
exec $b switch_root /newroot /.vsockspec-lab/busybox sh /.vsockspec-lab/run.sh
