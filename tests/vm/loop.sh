#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# One machine that talks to itself: order of loading, module file missing, traffic, limits, unloading.
#
#        +------------------ guest -------------------+
#        |  lo 127.0.0.0/8 ::1       rds_loop         |
#        |  v0 10.9.9.1 fd09::1      rds_tcp, rds_loop|--- v1 (nobody there)
#        +--------------------------------------------+
. /vm/guest.sh
on() { sh -c "$2"; }
T4=10.9.9.1 T6="[fd09::1]" L4=127.0.0.1 L6="[::1]"

# 1. Modules by insmod, in both orders.
wrong_order() {
	fails insert rds_loop
	fails loaded rds_loop
	insert rds
	insert rds_loop
	rmmod rds_loop
	rmmod rds
}

# until the end of the case
hide_loopback() {
	mv "$modules/rds_loop.ko" /tmp
	trap 'mv /tmp/rds_loop.ko "$modules"' EXIT
}

# 2. Without the file of rds_loop: an error at once, never a hang.
no_loopback() {
	insert rds
	hide_loopback
	for address in $L4 $L6; do
		fails timeout 5 rds-xfer recv --bind $address:4000 --timeout 1 > /tmp/out 2>&1
		cat /tmp/out
		grep -q 'Cannot assign requested address' /tmp/out
	done
	fails timeout 5 rds-ping -c 1 127.0.0.1
}

# 3. A TCP-bound socket that sends to its own machine needs rds_loop, too.
no_loopback_for_tcp() {
	hide_loopback
	fails timeout 10 rds-xfer send --no-hello --bind $T4:4000 --to $T4:4001 --count 1 --timeout 5 > /tmp/out 2>&1
	cat /tmp/out
	fails grep -q '^result' /tmp/out
	fails timeout 5 rds-ping -c 1 -I $T4 $T4
}

# 4. With it: the first local use brings it in.
first_use() {
	fails loaded rds_loop
	transfer a $L4 a $L4 "" "--count $(n 50) --quiet"
	loaded rds_loop
}

pings() {
	answered a $T4 127.0.0.1
	answered a ::1 ::1
	! slow || return 0
	for address in 127.0.0.1 127.9.9.9 $T4 $(bare $T6); do
		answered a $address $address
	done
}

# 5. Traffic: each size, several pairs, waiting in the kernel and in poll.
exchange() {
	transfer a "$1" a "$2" "" "--count $(n 200) --sizes mix:1048576 --sndbuf 2097152 --quiet"
	transfer a "$1" a "$2" "--pairs 4" "--pairs 4 --count $(n 300) --nonblock --quiet"
	! slow || return 0
	transfer a "$1" a "$2" "--delay-us 100" "--count $(n 200) --sizes 0-9000 --nonblock --quiet"
}

# 6. A receiver that never reads: its queue has an end. 400 MB are offered.
never_reads() {
	begin a "$1" a "$1" "--no-hello --count $(n 50000) --sizes 8192 --delay-us 10000000" \
		"--no-hello --count $(n 50000) --sizes 8192 --nonblock --timeout 2 --quiet"
	fails finish send
	grep -q '^result send stalled' /tmp/send.out
	killall rds-xfer
	await 10 ended recv
}

# 7. rds_loop goes while sockets of TCP addresses talk to their own machine: who sends just then is told so, or the
# next send brings it back; what arrives is in order and whole.
goes_under_traffic() {
	begin a $T4 a $T4 "--timeout 5" "--count $(n 20000) --sizes 0-4096"
	await 20 moving "$(n 500)"
	rmmod rds_loop
	finish send || grep 'Network is down' /tmp/send.out
	finish recv || fails grep -E '(lost|duplicate|reordered|corrupt|length)=[1-9]' /tmp/recv.out
	transfer a $T4 a $T4 "" "--count $(n 500) --quiet"
	transfer a $L4 a $L4 "" "--count $(n 500) --quiet"
	loaded rds_loop
}

# 8. Bound sockets keep it.
kept_by_sockets() {
	next_port
	start holder a "rds-xfer recv --bind $L4:$port --timeout 60 --quiet"
	await 10 grep -q '^ready' /tmp/holder.out
	fails rmmod rds_loop
	transfer a $L4 a $L4 "" "--count $(n 50) --quiet"
	killall rds-xfer
	await 10 ended holder
}

scenario "insmod in both orders" wrong_order
scenario "without rds_loop's file a bind fails and does not hang" no_loopback
insert rds_tcp
ip link add v0 type veth peer name v1
ip link set v0 up
ip link set v1 up
ip addr add $T4/24 dev v0
ip addr add fd09::1/64 dev v0 nodad
scenario "without rds_loop's file a send to a local address fails" no_loopback_for_tcp
scenario "the first local use loads rds_loop" first_use
scenario "rds-ping to each kind of local address" pings
for pair in "$L4 $L4" "$L4 127.0.0.2" "$L6 $L6" "$T4 $T4" "$T6 $T6"; do
	scenario "verified traffic, ${pair% *} to ${pair#* }" exchange "${pair% *}" "${pair#* }"
done
scenario "a receiver that never reads costs no more than its limit" within 65536 never_reads $L4
scenario "the same for a TCP-bound receiver" within 65536 never_reads $T4
scenario "bound sockets keep rds_loop" kept_by_sockets
scenario "rmmod rds_loop under traffic, traffic again" goes_under_traffic
second="--tcp6 $(bare $T6)"
! slow || second=
rds-errno --tcp $T4 $second --far 10.9.9.9 > /tmp/errno
sed -E 's/^((not )?ok) [0-9]+ - /\1 0 - rds-errno: /; s/^1\.\./# rows: /' /tmp/errno
scenario "every row of rds-errno is as promised" grep -q '^1\.\.[0-9]' /tmp/errno
! grep -q '^not ok' /tmp/errno || failed=1
ip link del v0
scenario "all modules unload, nothing is left" unload_all
all_done
