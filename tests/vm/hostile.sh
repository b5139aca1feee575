#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# The RDS port meets bytes that no honest peer sends.
#
#   +---------- a ----------+            +------- b -------+
#   | 10.0.0.1, 10.0.4.0/24 |------------|    10.0.0.2     |
#   | attacks over TCP      |            | rds_tcp, victim |
#   +-----------------------+            +-----------------+
#
# Each attack has an address of its own, a smaller one than b's, so that b takes it for a peer that may connect.
# a's own rds_tcp must not answer for these addresses when b calls back.
. /vm/guest.sh
hosts_are_namespaces
parameters=/sys/module/rds/parameters
on a "ip addr del $A4/24 dev eth0; ip addr add $A4/16 dev eth0; ip route add local 10.0.4.0/22 dev lo"
on b "ip addr del $B4/24 dev eth0; ip addr add 10.0.255.2/16 dev eth0"
on b "ip rule add to 10.0.4.0/22 ipproto 6 dport 16385 prohibit"
B4=10.0.255.2
next=0

works() { transfer a $A4 b $B4 "" "--count 100 --quiet"; }

# one line of the list of attacks: verdicts that are right follow the name
attack() {
	on a "rds-hostile $1 --from 10.0.4.$2 --to $B4 --port 4000 --expect $3 --wait 1000"
	on a "rds-hostile ping --from 10.0.4.$2 --to $B4 --expect alive"
}

# the socket that the messages are addressed to; it reads whatever comes
victim() {
	start victim b "rds-echo --bind $B4:4000 --timeout 3600"
	await 10 grep -q '^ready' /tmp/victim.out
}

# a never-reading socket under a flood: what is queued has an end
flood_unread() {
	killall rds-echo
	start deaf b "rds-xfer recv --bind $B4:4000 --no-hello --delay-us 10000000 --timeout 60 --quiet"
	await 10 grep -q '^ready' /tmp/deaf.out
	on a "rds-hostile flood --from 10.0.5.1 --to $B4 --port 4000 --bytes 200000000 --wait 2000" | tee /tmp/flood
	# cut off, or not read any more: in no case all of it
	fails grep -q 'peer=alive' /tmp/flood
	killall rds-xfer
	await 10 ended deaf
}

refusals() { on b "rds-info -c" | awk '$1 == "peer_refused" { print $2 }'; }
peers() { on b "rds-info -n" | grep -c "^ *$B4 "; }

# strangers from many addresses: some are served, the rest is refused; known peers are not harmed
strangers() {
	echo 32 > $parameters/max_peers_user
	before=$(refusals)
	on a "rds-hostile many-sources --from 10.0.6.1 --count 200 --to $B4 --wait 3000 --hold 1500" &
	await 20 test_refused
	[ "$(peers)" -le 40 ]
	works
	wait
}
test_refused() { [ "$(refusals)" -gt "$before" ]; }

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
scenario "a flood for a socket that does not read" within 65536 flood_unread
scenario "a knock from the larger address is refused" \
	on b "rds-hostile knock --from $B4 --to $A4 --expect reset,closed,refused"
scenario "strangers have a limit" strangers
scenario "strangers are forgotten" forgotten
scenario "a few lines in the kernel log at most" quiet_log
scenario "honest traffic still works" works
echo 3 > /proc/sys/vm/drop_caches
scenario "memory has come back" [ "$(free_kb)" -ge $((memory_before - 32768)) ]
killall rds-echo rds-xfer 2> /dev/null
ip netns del a
ip netns del b
scenario "all modules unload, nothing is left" unload_all
all_done
