#!/bin/sh
# What the machines are compared by. Each line is a mark: the host notes when it arrives. workload.sh of the tests marks its parts alike.

echo "begin processes"
i=0
while [ $i -lt 300 ]; do
  /bin/busybox true
  i=$((i + 1))
done
echo "end processes"

awk 'BEGIN { x = 1; for (i = 0; i < 8192; i++) { x = (x * 16807) % 2147483647; printf "%07x\n", x % 268435456 } }' >/tmp/seed
i=0
while [ $i -lt 256 ]; do cat /tmp/seed; i=$((i + 1)); done >/tmp/data

echo "begin hashing"
sha256sum </tmp/data
echo "end hashing"

echo "begin compression"
gzip -1 -c </tmp/data | md5sum
echo "end compression"

echo "begin memory"
mkdir /tmp/big
mount -t tmpfs -o size=40m tmpfs /tmp/big
cat /tmp/data /tmp/data >/tmp/big/file
dd if=/tmp/big/file of=/dev/null bs=64k 2>/dev/null
umount /tmp/big
echo "end memory"

echo "begin pipes"
seq 1 20000 | tr 0-9 a-j | cat | rev | tr a-j 0-9 | sort -rn | head -n 1
dd if=/dev/zero bs=512 count=8192 2>/dev/null | cat | cat | wc -c
echo "end pipes"
echo "workload done"
