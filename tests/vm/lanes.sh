#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# Up to eight streams between two addresses, both ends ours: one for each lane that sockets need.
#
#   +------ a ------+            +------ b ------+
#   | eth0 10.0.0.1 |------------| eth0 10.0.0.2 |      a is the smaller address, it connects
#   +---------------+            +---------------+
#
# A socket's lane is the hash of its port: of 48 sockets some lane may have none, but never three.
. /vm/guest.sh
hosts_are_namespaces
PAIRS="--pairs 48"

wide_port() { echo $(($(cat /tmp/ports) + 64)) > /tmp/ports; }
many() { # FROM ADDRESS TO ADDRESS COUNT: as many sockets as there are PAIRS, both sides
	wide_port
	transfer "$1" "$2" "$3" "$4" "$PAIRS --timeout 60" "$PAIRS --count $5 --timeout 60 --quiet"
	wide_port
}

# the local ports of the streams from $small to $large
ports() { on a "ss -tnH state established src $small dst $large dport = :16385" | awk '{ sub(".*:", "", $3); print $3 }'; }
nr() { ports | wc -l; }
lanes() { ports | awk '{ print $1 % 8 }' | sort; }
at_least() { [ "$(nr)" -ge "$1" ]; }

# each lane once, and all run from the small side's port to the large side's 16385
in_order() {
	[ -z "$(lanes | uniq -d)" ] && [ -z "$(on a "ss -tnH state established sport = :16385")" ] &&
		listed a $small $large && listed b $large $small
}
listed() { [ "$(on "$1" "rds-info -T" | grep -c "^ *$2 .* $3 ")" = "$(nr)" ]; }

# 1. whoever sends
small_sends() {
	fresh_pair
	many a $small b $large 20
	at_least 6
	in_order
}
large_sends() {
	fresh_pair
	many b $large a $small 20
	at_least 6
	in_order
}
both_send() {
	fresh_pair
	wide_port
	JOB=1 begin a $small b $large "$PAIRS" "$PAIRS --count 50 --quiet"
	wide_port
	JOB=2 begin b $large a $small "$PAIRS" "$PAIRS --count 50 --quiet"
	wide_port
	JOB=1 conclude
	JOB=2 conclude
	in_order
}

# 2. Two sockets need two beside the first: the receiver answers.
one_socket() {
	fresh_pair
	transfer a $small b $large "" "--count 200 --quiet"
	[ "$(nr)" -le 3 ]
	in_order
}

# 3. From the first message on, when there is one lane, to the last: no socket's messages overtake each other.
no_queues() { for host in a b; do on $host "tc qdisc del dev eth0 root" || true; done; }
from_the_first() { # FROM ADDRESS TO ADDRESS
	wide_port
	same="$PAIRS --no-hello --count 60 --sizes 2000"
	transfer "$1" "$2" "$3" "$4" "$same" "$same --nonblock --quiet"
	wide_port
}
first_messages() {
	trap no_queues EXIT
	for host in a b; do on $host "tc qdisc add dev eth0 root netem delay 20ms 5ms"; done
	for _ in 1 2 3; do
		fresh_pair
		from_the_first a $small b $large
		fresh_pair
		from_the_first b $large a $small
	done
}

# 4. One lane is reset: it comes back, the others do not notice.
one_killed() {
	fresh_pair
	many a $small b $large 10
	before=$(ports)
	victim=$(echo "$before" | awk '$1 % 8' | head -n 1)
	begin a $small b $large "$PAIRS --timeout 60 --delay-us 500" "$PAIRS --count 100 --timeout 60"
	await 30 moving 500
	on a "ss -tnK src $small sport = :$victim" | grep "$victim"
	conclude
	wide_port
	for port in $before; do
		[ "$port" = "$victim" ] || ports | grep -x "$port"
	done
	fails sh -c "echo '$(ports)' | grep -x $victim"
	await 30 in_order
}

# 5. One lane is stuck: sockets of others are served. Each ping of a run has a socket of its own.
answers() { cat /tmp/ping[123].out | grep -c usec; }
half_answered() { [ "$(answers)" -ge 12 ]; }
one_stuck() {
	fresh_pair
	many a $small b $large 10
	victim=$(ports | awk '$1 % 8' | head -n 1)
	trap no_queues EXIT
	on a "tc qdisc add dev eth0 root handle 1: prio bands 4
	      tc qdisc add dev eth0 parent 1:4 netem loss 100%
	      tc filter add dev eth0 parent 1: protocol ip u32 match ip sport $victim 0xffff flowid 1:4"
	for i in 1 2 3; do
		start ping$i a "rds-ping -c 8 -i 0.01 -I $small $large"
	done
	await 20 half_answered
	no_queues
	for i in 1 2 3; do finish ping$i 60; done
}

# 6. Everything is reset, again and again, from both sides, until it is over.
kill_all() {
	case $1 in
	a) on a "ss -tnK src $small dport = :16385" ;;
	b) on b "ss -tnK src $large sport = :16385" ;;
	esac > /tmp/killed
	[ "$(wc -l < /tmp/killed)" -gt 2 ] && echo "$1" >> /tmp/kills
}
over_or_open() { ended send || at_least 4; }
all_killed() {
	fresh_pair
	: > /tmp/kills
	begin a $small b $large "$PAIRS --timeout 60 --delay-us 3000" "$PAIRS --count 500 --timeout 60"
	await 30 moving 500
	until ended send; do
		for host in a b; do
			kill_all $host || true
			await 20 over_or_open
		done
	done
	conclude
	wide_port
	[ "$(wc -l < /tmp/kills)" -ge 2 ]
	await 30 in_order
}

# 7. The range of ports has no eight in a row: each lane has one all the same.
few_ports() {
	range=$(on a "cat /proc/sys/net/ipv4/ip_local_port_range")
	on a "echo 40001 40006 > /proc/sys/net/ipv4/ip_local_port_range"
	fresh_pair
	many a $small b $large 10
	at_least 6
	in_order
	on a "echo '$range' > /proc/sys/net/ipv4/ip_local_port_range"
}

scenario "the small side sends, a lane for each who needs one" small_sends
scenario "the large side sends, and asks for lanes" large_sends
scenario "both send" both_send
scenario "one socket needs one lane" one_socket
scenario "in order from the first message on" first_messages
scenario "one lane reset, the others stay" one_killed
scenario "one lane stuck, the others go on" one_stuck
scenario "all lanes reset, all the time" all_killed
scenario "hardly any ports" few_ports
ip netns del a
ip netns del b
scenario "all modules unload, nothing is left" unload_all
all_done
