#!/bin/sh
# What a stock kernel and busybox do all day, with results that are the same on every correct machine. Lines that begin with "time " say
# how long a part took (the guest's own clock, in hundredths of a second) and are left out of a comparison.
# The environment may make it shorter: "forks" processes in place of 300, "blocks" of 64 KiB in place of 256, and "elements" in place of
# 20000, which says how long lines of text, tables of awk and series are.
forks=${forks:-300}
blocks=${blocks:-256}
elements=${elements:-20000}

now() {
  read -r up idle </proc/uptime
  echo "${up%.*}${up#*.}"
}

begin() {
  part=$1
  echo "begin $part"
  started=$(now)
}

finish() {
  ended=$(now)
  echo "end $part"
  echo "time $part $((ended - started))"
}

# The kernel's view of this machine's paging: the same for a kernel, whatever runs it.
begin identity
uname -m
[ "$(id -u)" = 0 ] && echo "root"
finish

begin processes
i=0
sum=0
while [ $i -lt "$forks" ]; do
  /bin/busybox true && sum=$((sum + i))
  i=$((i + 1))
done
echo "$forks processes, sum $sum"
finish

begin hashing
# 16 MiB that awk makes would take longer than their hash: 64 KiB of text that is not all alike, 256 times.
awk 'BEGIN { x = 1; for (i = 0; i < 8192; i++) { x = (x * 16807) % 2147483647; printf "%07x\n", x % 268435456 } }' >/tmp/seed
wc -c </tmp/seed
i=0
while [ $i -lt "$blocks" ]; do cat /tmp/seed; i=$((i + 1)); done >/tmp/data
wc -c </tmp/data
sha256sum </tmp/data
md5sum </tmp/data
finish

begin compression
gzip -c </tmp/data >/tmp/data.gz
gunzip -c </tmp/data.gz | sha256sum
md5sum </tmp/data.gz
rm /tmp/data.gz
finish

begin memory
# 32 MiB of tmpfs: written, copied over each other, given back.
mkdir /tmp/big
mount -t tmpfs -o size=40m tmpfs /tmp/big
cat /tmp/data /tmp/data >/tmp/big/file
wc -c </tmp/big/file
dd if=/tmp/big/file of=/tmp/big/file bs=4096 count=$((blocks * 4)) seek=$((blocks * 16)) skip=17 conv=notrunc 2>/dev/null
sha256sum </tmp/big/file
umount /tmp/big
rm /tmp/data
finish

begin pipes
i=0
while [ $i -lt 20 ]; do
  seq 1 $((elements / 10)) | tr 0-9 a-j | cat | rev | tr a-j 0-9 | sort -rn | head -n 1
  i=$((i + 1))
done | sort | uniq -c | awk '{ print $1, $2 }'
dd if=/dev/zero bs=512 count=8192 2>/dev/null | cat | cat | cat | wc -c
finish

begin copy-on-write
# A shell with a large variable forks: parent and children change their own copies.
text=$(seq 1 "$elements")
total=0
for child in 1 2 3 4 5 6 7 8; do
  (
    text="$child$text"
    echo "child $child ${#text} $(echo "$text" | md5sum)"
  )
  total=$((total + ${#text}))
done
echo "parent $total $(echo "$text" | md5sum)"
finish

begin mappings
# Every start of a program maps, protects and unmaps; awk grows and shrinks its heap.
awk -v elements="$elements" 'BEGIN {
  for (round = 0; round < 4; round++) {
    for (i = 0; i < elements; i++) a[i] = i * round "x"
    n = 0
    for (i in a) n += length(a[i])
    print "round", round, n
    delete a
  }
}'
seq 1 $((elements * 5 / 2)) | awk -v most=$((elements * 2)) '{ s = s $1 } length(s) > most { n++; s = "" } END { print n, length(s) }'
seq 1 30000 | sort -n -r | tail -n 1
finish

begin signals
trap 'usr1=$((usr1 + 1))' USR1
trap 'echo "term handled"' TERM
usr1=0
i=0
while [ $i -lt 200 ]; do kill -USR1 $$; i=$((i + 1)); done
echo "usr1 $usr1"
kill -TERM $$
sleep 1000 &
kill -KILL $!
wait $!
echo "killed child $?"
sh -c 'kill -SEGV $$'
echo "child with a fault $?"
sh -c 'trap "exit 7" INT; kill -INT $$; sleep 5'
echo "child with a handler $?"
timeout 1 sleep 100
echo "timeout $?"
trap - USR1 TERM
finish

begin floating-point
# This awk has no functions of its own, so: pi by Machin's series, e by its series, roots by Newton, a cosine by its series, sums that
# round, and the ends of the range. What is known is printed with 12 digits, what only must be the same everywhere with 17.
awk -v terms=$((elements * 5)) 'function arctangent(x,   sum, term, n) {
  term = x; sum = 0
  for (n = 1; n < 60; n += 2) { sum += (n % 4 == 1 ? 1 : -1) * term / n; term *= x * x }
  return sum
}
function root(x,   r, n) { r = x; for (n = 0; n < 60; n++) r = (r + x / r) / 2; return r }
function cosine(x,   sum, term, n) {
  sum = 0; term = 1
  for (n = 0; n < 40; n += 2) { sum += term; term *= -x * x / ((n + 1) * (n + 2)) }
  return sum
}
BEGIN {
  pi = 16 * arctangent(1 / 5) - 4 * arctangent(1 / 239)
  printf "pi %.12f\n", pi
  e = 1; f = 1
  for (i = 1; i < 25; i++) { f = f / i; e += f }
  printf "e %.12f\n", e
  printf "roots %.12f %.12f %.12f\n", root(2), root(3), root(1e10 + 7)
  printf "cosines %.12f %.12f %.12f\n", cosine(1), cosine(pi / 3), cosine(pi)
  x = 0
  for (i = 0; i < terms; i++) x += 0.1
  printf "sum %.6f\n", x
  h = 0
  for (i = 1; i <= terms; i++) h += 1 / i
  printf "harmonic %.9f\n", h
  printf "integers %d %d %d\n", int(1e9 / 7), int(-7.9), 65536 * 32768 - 1
  big = 1e308; tiny = 5e-324
  printf "range %g %g %g %g\n", big * 10, -big * 10, tiny, tiny / 2
  printf "exact %.17g %.17g %.17g %.17g %.17g\n", pi, e, root(2), x, h
}'
finish

begin files
mkdir -p /tmp/tree/a/b/c
i=0
while [ $i -lt 200 ]; do echo "file $i" >/tmp/tree/a/b/c/f$i; i=$((i + 1)); done
find /tmp/tree -type f | wc -l
cat /tmp/tree/a/b/c/f* | sha256sum
(cd /tmp && tar cf - tree) | tar tf - | wc -l
rm -r /tmp/tree
[ ! -e /tmp/tree ] && echo "gone"
finish

if [ -d /out ]; then
  sha256sum </tmp/seed >/out/seed.sha256
  echo "workload done" >/out/done
fi
echo "workload done"
exit 42
