#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# The RDS port meets bytes that no honest peer sends.
#
#   +---------- a ----------+            +------- b -------+
#   | 10.0.0.1, 10.0.4.0/22 |------------|    10.0.0.2     |
#   |           10.0.8.0/22 |            |                 |
#   | attacks over TCP      |            | rds_tcp, victim |
#   +-----------------------+            +-----------------+
#
# Each attack has an address of its own, a smaller one than b's, so that b takes it for a peer that may connect.
# a's own rds_tcp would answer for these addresses when b calls back, so b has no port to call from.
. /vm/guest.sh
hosts_are_namespaces
parameters=/sys/module/rds/parameters
on a "ip addr del $A4/24 dev eth0; ip addr add $A4/16 dev eth0"
on b "ip addr del $B4/24 dev eth0; ip addr add 10.0.255.2/16 dev eth0"
for net in 10.0.4.0/22 10.0.8.0/22; do
	on a "ip route add local $net dev lo"
done
B4=10.0.255.2
next=0 wait=1000
! slow || wait=5000

calls() { on b "cd /proc/sys/net/ipv4; echo '$1' > ip_local_reserved_ports; echo 20000 20999 > ip_local_port_range"; }

works() { transfer a $A4 b $B4 "" "--count 100 --quiet"; }

# One line of the list of attacks: verdicts that are right follow the name. A slow kernel needs minutes for some.
attack() {
	fewer=
	case $1 in ping-flood | ping-deaf | empty-flood) ! slow || fewer="--count 2000" ;; esac
	on a "rds-hostile $1 --from 10.0.4.$2 --to $B4 --port 4000 --expect $3 --wait $wait $fewer"
	on a "rds-hostile ping --from 10.0.4.$2 --to $B4 --expect alive --wait $wait"
}

# the socket that the messages are addressed to; it reads whatever comes
victim() {
	start victim b "rds-echo --bind $B4:4000 --timeout 3600"
	await 10 grep -q '^ready' /tmp/victim.out
}

# a never-reading socket under a flood: what is queued has an end, at recv_cap_mb and four receive limits, whatever the
# size of the messages. Several times as much is offered: flood_unread SIZE BYTES LEAST MOST
flood_unread() {
	echo 32 > /sys/module/rds/parameters/recv_cap_mb
	trap 'killall rds-hoard || true' EXIT
	weigh
	start deaf b "rds-hoard unread --bind $B4"
	await 10 grep -q '^hoard' /tmp/deaf.out
	on a "rds-hostile flood --from 10.0.5.1 --to $B4 --port 4000 --size $1 --bytes $2 --wait 2000" | tee /tmp/flood
	# cut off, or not read any more: in no case all of it
	fails grep -q 'peer=alive' /tmp/flood
	held "$3" "$4"
	[ "$(on b "rds-info -r" | wc -l)" -gt 3000 ]
	killall rds-hoard
	await 100 ended deaf
	trap - EXIT
}

# a length that no message has, and a stream behind it
huge_stream() {
	weigh
	start huge a "rds-hostile huge-length --from 10.0.5.2 --to $B4 --bytes 200000000 --wait 5000"
	peak huge 8192
	finish huge
	grep -qE 'peer=(reset|closed)' /tmp/huge.out
}

# release NAME: the attack ends, and tells its verdict
release() {
	killall -USR1 rds-hostile
	finish "$1"
	grep -q 'peer=alive' "/tmp/$1.out"
}

# This one needs a port. The answer may be there before connect() is done.
knock() {
	calls ""
	on b "rds-hostile knock --from $B4 --to $A4 --expect reset,closed,refused --wait $wait"
	calls 1024-65535
}

counter() { on b "rds-info -c" | awk -v name="$1" '$1 == name { print $2 }'; }

# Pings while their answers cannot leave: few answers wait, the rest is not given. Sent in less than the half minute
# that TCP waits for a peer that takes nothing.
deaf_pings() {
	pings=100000
	! slow || pings=2000
	dropped=$(counter recv_drop_ping_flood)
	weigh
	trap 'killall rds-hostile || true' EXIT
	start pings a "rds-hostile ping-deaf --from 10.0.5.3 --to $B4 --count $pings --wait $wait --hold 60000"
	await 100 grep -q '^hostile: holding' /tmp/pings.out
	held 0 8192
	[ "$(counter recv_drop_ping_flood)" -gt $((dropped + pings / 2)) ]
	release pings
}

# the payload of a ping is for nobody: none of it waits for the rest. 24 MiB are on their way.
partial_pings() {
	weigh
	trap 'killall rds-hostile || true' EXIT
	start pings a "rds-hostile ping-partial --from 10.0.5.10 --to $B4 --count 24 --wait 5000 --hold 60000"
	await 100 grep -q '^hostile: holding' /tmp/pings.out
	held 0 8192
	release pings
}

# Every byte of the lists that need a peer: messages that it has not acknowledged, TCP sockets.
records() {
	# whatever lane its socket has, it is open
	transfer a $A4 b $B4 "--pairs 48" "--pairs 48 --count 3 --quiet"
	on b "ip link set eth0 down"
	start stuck a "rds-hoard messages --bind $A4 --to $B4 --count 3 --size 77"
	await 10 grep '^hoard' /tmp/stuck.out
	await 10 unacknowledged
	start records a "rds-records --address $A4 --address $B4"
	finish records
	for list in 10004 10007 10013 10016; do
		grep "^list $list: [1-9]" /tmp/records.out
	done
	killall rds-hoard
	on b "ip link set eth0 up"
	works
}
unacknowledged() { on a "rds-info -t" | grep -q " 77$"; }

peers() { on b "rds-info -n" | grep -c "^ *$B4 "; }

# strangers from many addresses: some are served, the rest is refused; known peers are not harmed
strangers() {
	echo 96 > $parameters/max_peers_user
	refused=$(counter peer_refused)
	trap 'killall rds-hostile || true' EXIT
	sources=800
	! slow || sources=200
	weigh
	start many a "ulimit -n 2000; rds-hostile many-sources --from 10.0.8.1 --count $sources --to $B4 --wait 3000 --hold 60000"
	await 100 grep -q '^hostile: holding' /tmp/many.out
	[ "$(counter peer_refused)" -gt "$refused" ]
	[ "$(peers)" -le 104 ]
	held 0 8192
	works
	killall -USR1 rds-hostile
	finish many
}

# and when they have gone and been quiet for a while, they make room: who has sent something ten times as late, and
# only while more than half of the room is taken
forgotten() {
	echo 1 > $parameters/idle_seconds
	echo 32 > $parameters/max_peers
	[ "$(peers)" -gt 20 ]
	await 40 few_peers || { on b "rds-info -nst; ss -tan"; return 1; }
	echo 60 > $parameters/idle_seconds
	on a "rds-hostile ping --from 10.0.7.1 --to $B4 --expect alive"
	works
}
few_peers() { [ "$(peers)" -le 16 ]; }

quiet_log() {
	lines=$(dmesg | wc -l)
	echo "kernel log: $log_before lines, then $lines"
	dmesg | tail -n 20
	[ $((lines - log_before)) -le 60 ]
}

calls 1024-65535
scenario "honest traffic" works
log_before=$(dmesg | wc -l)
victim
rds-hostile list > /tmp/attacks
echo 3 > /proc/sys/vm/drop_caches
memory_before=$(free_kb)
while read -r name verdicts; do
	case $name in ping | many-sources | knock) continue ;; esac
	next=$((next + 1))
	scenario "$name" attack "$name" $next "$verdicts"
done < /tmp/attacks
killall rds-echo
await 100 ended victim
# ceilings, which KASAN with its quarantine would blur
slow || scenario "a flood for a socket that does not read" within 16384 flood_unread 8192 200000000 16384 49152
slow || scenario "the same with small messages" within 16384 flood_unread 100 100000000 8192 40960
slow || scenario "the same with empty ones" within 16384 flood_unread 0 50000000 4096 40960
scenario "a stream behind a huge length" within 16384 huge_stream
slow || scenario "pings without end from who takes no answer" within 16384 deaf_pings
slow || scenario "pings that never end" within 16384 partial_pings
scenario "each byte of the information records" records
scenario "a knock from the larger address is refused" knock
scenario "strangers have a limit" strangers
scenario "strangers are forgotten" forgotten
scenario "a few lines in the kernel log at most" quiet_log
scenario "honest traffic still works" works
echo 3 > /proc/sys/vm/drop_caches
scenario "memory has come back" [ "$(free_kb)" -ge $((memory_before - 32768)) ]
ip netns del a
ip netns del b
scenario "all modules unload, nothing is left" unload_all
all_done
