#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# RDS over TCP between two machines.
#
#   +---- a, guest 1 ----+          +---- b, guest 2 ----+
#   | 10.77.0.1 fd77::1  |          | 10.77.0.2 fd77::2  |     a is the smaller address, it connects
#   | 10.78.0.2          |---eth0---| 10.78.0.1          |     b is
#   | 10.79.x.1          |          | 10.79.x.2          |     peers that nobody knows yet
#   +--------------------+          +--------------------+
. /vm/guest.sh
hosts_are_guests
C4=10.78.0.2 D4=10.78.0.1
for host in $hosts; do
	on $host "echo 1 > /proc/sys/net/ipv6/conf/eth0/keep_addr_on_down"
done
on a "ip addr add $C4/24 dev eth0"
on b "ip addr add $D4/24 dev eth0"

exchange() {
	transfer a "$1" b "$2" "" "--count 200 --sizes mix:1048576 --sndbuf 2097152 --quiet"
	transfer b "$2" a "$1" "--pairs 4" "--pairs 4 --count 200 --nonblock --quiet"
}

# 1. What the larger side has for a peer that has no RDS over TCP yet, and resets, arrives when it has, though nobody
# sends again. (There is no other connection yet whose attempts could be taken for these.)
attempts_failed() { awk '/^Tcp: [0-9]/ { print $8 }' /proc/net/snmp; }
refused_since() { [ "$(attempts_failed)" -ge $(($1 + 2)) ]; }
ping_waits() {
	await 10 on b "[ \$(awk '\$1 == \"RDS\" { print \$3 }' /proc/net/protocols) = 0 ]"
	on b "rmmod rds_tcp"
	before=$(attempts_failed)
	start ping a "rds-ping -c 1 -i 60 -I $C4 $D4"
	await 30 refused_since "$before"
	fails ended ping
	on b "insmod /lib/modules/\$(uname -r)/rds_tcp.ko"
	finish ping
}

# 2. The first message to a peer that nobody knows is not lost, whoever begins.
first_messages() {
	for fresh in 1 3 5; do
		on a "ip addr add 10.79.$fresh.1/24 dev eth0; ip addr add 10.79.$((fresh + 1)).1/24 dev eth0"
		on b "ip addr add 10.79.$fresh.2/24 dev eth0; ip addr add 10.79.$((fresh + 1)).2/24 dev eth0"
		transfer a 10.79.$fresh.1 b 10.79.$fresh.2 "--no-hello --count 200 --sizes 64" \
			"--no-hello --count 200 --sizes 64 --quiet"
		transfer b 10.79.$((fresh + 1)).2 a 10.79.$((fresh + 1)).1 "--no-hello --count 200 --sizes 64" \
			"--no-hello --count 200 --sizes 64 --quiet"
	done
}

pings() {
	answered a $A4 $B4
	answered b $B4 $A4
	answered b $D4 $C4
	answered a $A6 $B6
	answered b $B6 $A6
}

# 3. The cable is pulled for a moment. Receivers are paced where the traffic must outlive what is done to it.
link_blinks() {
	begin a "$1" b "$2" "--delay-us 500" "--count 4000 --sizes 0-4000"
	for sent in 1000 2000; do
		await 60 moving $sent
		on b "ip link set eth0 down; usleep 400000; ip link set eth0 up"
	done
	moving 1
	conclude
}

# 4. TCP connections die under traffic.
streams_die() {
	begin b "$2" a "$1" "--delay-us 500" "--count 4000 --sizes 0-4000 --nonblock"
	for sent in 500 1000 1500 2000; do
		await 60 moving $sent
		on b "ss -tnK '( sport = :16385 or dport = :16385 )'" | grep -q 16385
	done
	moving 1
	conclude
}

# 5. As in 1, with messages to a peer that it cannot reach: for an attempt to fail at once, the way there is missing.
no_routes() { awk '/^Ip: [0-9]/ { print $13 }' /proc/net/snmp; }
failed_since() { [ "$(no_routes)" -ge $(($1 + 2)) ]; }
arrives_later() {
	on a "ip addr add 10.79.8.2/32 dev eth0"
	on b "ip addr add 10.79.8.1/32 dev eth0; ip route add 10.79.8.2 dev eth0 src 10.79.8.1"
	next_port
	start recv b "rds-xfer recv --bind 10.79.8.1:$port --no-hello --count 50 --sizes 64 --timeout 60 --quiet"
	await 20 grep -q '^ready' /tmp/recv.out
	before=$(no_routes)
	start send a "rds-xfer send --bind 10.79.8.2:$((port + 8)) --to 10.79.8.1:$port --no-hello --count 50 --sizes 64 --timeout 60 --quiet"
	await 30 failed_since "$before"
	fails ended send
	on a "ip route add 10.79.8.1 dev eth0 src 10.79.8.2"
	conclude
}

# 6. The peer's module goes and comes back: FIN, a new incarnation.
peer_reloads() {
	await 10 on b "[ \$(awk '\$1 == \"RDS\" { print \$3 }' /proc/net/protocols) = 0 ]"
	on b "rmmod rds_tcp && insmod /lib/modules/\$(uname -r)/rds_tcp.ko"
	transfer a "$1" b "$2" "" "--count 200 --quiet"
	transfer b "$2" a "$1" "" "--count 200 --quiet"
}

# 7. TCP over there takes connections and data, but no RDS has them: so after a stale stream, or a limit, of the kernel's
# own modules. What TCP acknowledged is not delivered, and must come again when RDS is there.
deaf_peer() {
	await 10 on b "[ \$(awk '\$1 == \"RDS\" { print \$3 }' /proc/net/protocols) = 0 ]"
	on b "rmmod rds_tcp; nc -ll -p 16385 -e sleep 600 > /dev/null 2>&1 & echo \$! > /tmp/deaf; until netstat -ltn | grep -q :16385; do usleep 50000; done"
	next_port
	start send a "rds-xfer send --bind $A4:$((port + 8)) --to $B4:$port --no-hello --count 50 --sizes 64 --timeout 60 --quiet"
	# 50 messages of 112 bytes and the congestion map, perhaps on two lanes
	await 20 on b "netstat -tn | awk '/:16385 / { n += \$2 } END { exit n < 13800 }'"
	fails ended send
	# one line: the agent reads no more
	late="rds-xfer recv --bind $B4:$port --no-hello --count 50 --sizes 64 --timeout 60 --quiet > /tmp/late 2>&1 & job=\$!"
	begin="until insmod /lib/modules/\$(uname -r)/rds_tcp.ko; do usleep 50000; done; $late"
	ready="until grep -q ^ready /tmp/late; do usleep 50000; done; ip link set eth0 up"
	start recv b "kill \$(cat /tmp/deaf); killall sleep; ip link set eth0 down; $begin; $ready; wait \$job; rc=\$?; cat /tmp/late; exit \$rc"
	conclude
}

# 8. The peer crashes and is back soon: nothing that it said at the end gets out, it remembers nothing. What it had not
# acknowledged belonged to its former life; new traffic must flow soon, not when keep-alive gives the old stream up.
peer_crashes() {
	begin a "$1" b "$2" "--timeout 60" "--count 1000000 --sizes 0-4000 --timeout 60"
	await 60 moving 200
	crash="ip link set eth0 down; killall -9 rds-xfer; until rmmod rds_tcp; do usleep 50000; done;"
	on b "$crash insmod /lib/modules/\$(uname -r)/rds_tcp.ko; ip link set eth0 up"
	killall -9 rds-xfer
	tick && returned=$now
	transfer b "$2" a "$1" "" "--count 100 --quiet"
	transfer a "$1" b "$2" "" "--count 100 --quiet"
	tick
	echo "back after $((now - returned))0 ms"
	[ $((now - returned)) -lt 1500 ]
}

scenario "queued while the peer had no RDS, the first guest has the larger address" ping_waits
scenario "IPv4 traffic, both directions" exchange $A4 $B4
scenario "IPv6 traffic, both directions" exchange $A6 $B6
scenario "traffic, the first guest has the larger address" exchange $C4 $D4
scenario "the first messages to new peers arrive" first_messages
scenario "rds-ping, both directions and families" pings
scenario "link down and up under traffic" link_blinks $A4 $B4
scenario "streams killed under traffic" streams_die $A4 $B4
scenario "streams killed under traffic, the first guest has the larger address" streams_die $C4 $D4
scenario "queued while the peer was out of reach, the first guest has the larger address" arrives_later
scenario "the peer's module reloads" peer_reloads $A4 $B4
scenario "what TCP took and RDS never saw" deaf_peer
scenario "the peer crashes and returns" peer_crashes $A4 $B4
scenario "the peer crashes and returns, the first guest has the larger address" peer_crashes $C4 $D4
scenario "all modules unload, nothing is left" unload_all
scenario "... on the peer, too" on b ". /vm/guest.sh; unload_all"
leave
all_done
