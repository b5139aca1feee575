#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# RDS over TCP between namespaces of one machine.
#
#   +------ a ------+            +------ b ------+        +------ c ------+  +------ d ------+
#   | eth0 10.0.0.1 |------------| eth0 10.0.0.2 |        | lo 10.1.1.1   |  | lo 10.1.1.1   |
#   |      fd00::1  |            |      fd00::2  |        |               |  |               |
#   +---------------+            +---------------+        +---------------+  +---------------+
#
# Further pairs of addresses on eth0 serve where a peer must be new: x is the smaller one, it connects.
. /vm/guest.sh
hosts_are_namespaces

# addresses nobody had before: $small (in a) and $large (in b)
fresh_pair() {
	read -r fresh < /tmp/fresh
	echo $((fresh + 1)) > /tmp/fresh
	small=10.0.1.$fresh large=10.0.2.$fresh
	ip -n a addr add $small/16 dev eth0
	ip -n b addr add $large/16 dev eth0
}
echo 1 > /tmp/fresh

# 1. Traffic, both directions and families.
exchange() {
	transfer a "$1" b "$2" "" "--count $(n 200) --sizes mix:1048576 --sndbuf 2097152 --quiet"
	transfer b "$2" a "$1" "" "--count $(n 300) --sizes 0-5000 --quiet"
	! slow || return 0
	transfer a "$1" b "$2" "--pairs 4" "--pairs 4 --count $(n 300) --nonblock --quiet"
	transfer b "$2" a "$1" "--pairs 4" "--pairs 4 --count $(n 300) --nonblock --quiet"
}
whole_megabytes() { transfer a $A4 b $B4 "--rcvbuf 4194304" "--count $(n 20) --sizes 1048576 --sndbuf 4194304 --quiet"; }

# 2. The very first message to a peer is never lost, whoever begins.
first_messages() {
	for _ in $(seq "$(n 3)"); do
		fresh_pair
		transfer a $small b $large "--no-hello --count $(n 300) --sizes 64" "--no-hello --count $(n 300) --sizes 64 --quiet"
		fresh_pair
		transfer b $large a $small "--no-hello --count $(n 300) --sizes 64" "--no-hello --count $(n 300) --sizes 64 --quiet"
	done
	# both at once, neither knows the other
	fresh_pair
	JOB=1 begin a $small b $large "--no-hello --count $(n 300) --sizes 64" "--no-hello --count $(n 300) --sizes 64 --quiet"
	JOB=2 begin b $large a $small "--no-hello --count $(n 300) --sizes 64" "--no-hello --count $(n 300) --sizes 64 --quiet"
	JOB=1 conclude
	JOB=2 conclude
}

# 3. Pings.
pings() {
	answered a $A4 $B4
	answered b $B4 $A4
	answered a $A6 $B6
	answered b $B6 $A6
}

# 4. Each namespace lists its own.
lists() {
	next_port
	start holder b "rds-xfer recv --bind $B4:$port --timeout 60 --quiet"
	await 10 grep -q '^ready' /tmp/holder.out
	on b "rds-info -k" | grep -q "$B4 *$port "
	on a "rds-info -k" | fails grep -q "$B4 *$port "
	for list in -n -T; do
		on a "rds-info $list" | grep -q "^ *$A4 .*$B4 "
		on a "rds-info $list" | fails grep -q "^ *$B4 .*$A4 "
		on b "rds-info $list" | grep -q "^ *$B4 .*$A4 "
		fails sh -c "rds-info $list | grep -qF 10.0.0."
	done
	on a "rds-info -n" | grep -qE "^ *$A4 +$B4 .*--C-"
	on b "rds-info --ipv6 -n" | grep -qE "fd00::2 +fd00::1 .*--C-"
	on a "rds-info --json" | grep -q '"remote_address": *"10.0.0.2"'
	killall rds-xfer
	await 10 ended holder
}

# 5. The same address and port in two namespaces are two worlds.
two_worlds() {
	for host in c d; do
		ip netns add $host
		ip -n $host link set lo up
		ip -n $host addr add 10.1.1.1/32 dev lo
		start recv$host $host "rds-xfer recv --bind 10.1.1.1:4000 --quiet"
		await 10 grep -q '^ready' /tmp/recv$host.out
	done
	start sendc c "rds-xfer send --bind 10.1.1.1:4001 --to 10.1.1.1:4000 --seed 7 --count $(n 300) --quiet"
	start sendd d "rds-xfer send --bind 10.1.1.1:4001 --to 10.1.1.1:4000 --seed 8 --count $(n 300) --quiet"
	for job in sendc sendd recvc recvd; do finish $job; done
	fails cmp /tmp/recvc.out /tmp/recvd.out
	ip netns del c
	ip netns del d
}

# 6. Traffic that is disturbed N times by COMMAND, in its first half, is late, not wrong. The receiver is paced, so
# that no machine is too fast for that; $COUNT is for each flow.
disturbed() {
	times=$1
	shift
	begin a "$A" b "$B" "--delay-us 200 $RECV" "--count $COUNT $SEND"
	for i in $(seq "$times"); do
		await 60 moving $((i * COUNT / (2 * times)))
		"$@"
	done
	# it was still running when the last one hit
	moving 1
	conclude
}
SEND="--sizes 0-3000" RECV="" COUNT=$(n 4000)

link_blinks() {
	ip -n a link set eth0 down
	# long enough for TCP to notice that it is not answered
	usleep 300000
	ip -n a link set eth0 up
	await 5 sh -c 'ip -n a link show eth0 | grep -q LOWER_UP'
	ip -n a addr add fd00::1/64 dev eth0 nodad 2> /dev/null || true
}

change_buffers() {
	tick
	size=$((20000 + now % 1000))
	for host in a b; do
		on $host "echo $size > /proc/sys/net/rds/tcp/rds_tcp_sndbuf"
		on $host "echo $size > /proc/sys/net/rds/tcp/rds_tcp_rcvbuf"
	done
}

kill_streams() {
	on "$1" "ss -tnK '( sport = :16385 or dport = :16385 )'" > /tmp/killed
	[ "$(wc -l < /tmp/killed)" -gt 1 ]
}
kill_from_a() { kill_streams a; }
kill_from_b() { kill_streams b; }

reset_count() { on "$1" "rds-info -c" | awk '$1 == "conn_reset" { print $2 }'; }

# the disturbance is one: connections were lost and made again
disturbed_by_reset() {
	before=$(reset_count a)
	disturbed "$@"
	[ "$(reset_count a)" -gt "$before" ]
}

bad_cable() {
	for host in a b; do
		on $host "tc qdisc add dev eth0 root netem delay 1ms loss 3% duplicate 5% reorder 25%"
	done
	transfer a $A4 b $B4 "" "--count $(n 500) --nonblock --quiet"
	for host in a b; do
		on $host "tc qdisc del dev eth0 root"
	done
}

# 7. Congestion: a slow reader, many senders.
slow_reader() {
	size=$((4096 * ${SCALE:-1})) reader="--delay-us $((500 * ${SCALE:-1} * ${SCALE:-1}))"
	transfer a $A4 b $B4 "$reader" "--count $(n 500) --sizes $size --nonblock --quiet"
	grep -q 'enobufs=[1-9]' /tmp/send.out
	transfer b $B4 a $A4 "$reader" "--count $(n 500) --sizes $size --quiet"
}

# 8. Every wait can be killed: a sender whose peer is not there.
killable() {
	next_port
	start stuck a "rds-xfer send --bind $A4:$port --to 10.0.0.99:$port --count $(n 1000) --sizes 60000 --no-hello --quiet"
	await 10 on a "rds-info -s | grep -q 10.0.0.99"
	killall -9 rds-xfer
	await 2 ended stuck
}

# 9. A namespace goes with its connections: its devices vanish. Traffic is running, connects are on their way.
namespace_dies() {
	ip netns add c
	ip link add toc netns a type veth peer name eth0 netns c
	ip -n c link set lo up
	ip -n c link set eth0 up
	ip -n a link set toc up
	ip -n c addr add 10.3.0.2/24 dev eth0
	ip -n a addr add 10.3.0.1/24 dev toc
	begin a 10.3.0.1 c 10.3.0.2 "--timeout 60" "--count 1000000 --timeout 60"
	await 20 moving "$(n 100)"
	start stuck c "rds-xfer send --bind 10.3.0.2:5000 --to 10.3.0.77:5000 --count 10 --no-hello --quiet"
	start more c "rds-xfer send --bind 10.3.0.2:5001 --to 10.0.0.2:5001 --count 10 --no-hello --quiet"
	await 10 on c "rds-info -n | grep -q 10.3.0.77"
	ip netns del c
	# what runs in it keeps it alive
	ip -n a link show toc
	killall -9 rds-xfer
	await 20 fails ip -n a link show toc
	transfer a $A4 b $B4 "" "--count $(n 100) --quiet"
}

# 10. rds_tcp goes, with connections but without sockets, and comes back; net.ipv6.bindv6only must not matter.
reload() {
	begin a $A4 b $B4 "--timeout 60" "--count 1000000 --timeout 60"
	await 20 moving "$(n 100)"
	fails rmmod rds_tcp
	killall rds-xfer
	await 10 no_sockets
	await 10 rmmod rds_tcp
	fails on a "ss -tln | grep -q 16385"
	fails on a "rds-info -n | grep -q 10.0.0.2"
	on b "echo 1 > /proc/sys/net/ipv6/bindv6only"
	insert rds_tcp
	on b "ss -tln | grep -q 16385"
	exchange $A4 $B4
	transfer a $A6 b $B6 "" "--count $(n 100) --quiet"
}

scenario "IPv4 traffic, both directions" exchange $A4 $B4
scenario "IPv6 traffic, both directions" exchange $A6 $B6
scenario "messages of 1 MiB" whole_megabytes
scenario "the first messages to new peers arrive" first_messages
scenario "rds-ping, both directions and families" pings
scenario "rds-info lists what belongs to the namespace" lists
scenario "same address and port in two namespaces" two_worlds
scenario "a slow reader congests, nothing is lost" slow_reader
A=$A4 B=$B4 resets=4
! slow || resets=2
scenario "link down and up under traffic" disturbed 2 link_blinks
scenario "streams killed at the sender, waiting in the kernel" disturbed_by_reset $resets kill_from_a
SEND="--sizes 0-3000 --nonblock"
scenario "streams killed at the receiver, non-blocking" disturbed_by_reset $resets kill_from_b
A=$A6 B=$B6 RECV="--pairs 3" SEND="--pairs 3 --sizes 0-8192" COUNT=$(n 1500)
scenario "IPv6 streams killed on both sides, three pairs" disturbed_by_reset $resets kill_from_b
A=$A4 B=$B4
scenario "buffer sizes changed under traffic" disturbed_by_reset $resets change_buffers
scenario "a cable that loses, repeats and reorders" bad_cable
scenario "a sender without peer dies at once" killable
scenario "a namespace dies with connections" namespace_dies
scenario "rds_tcp unloads and comes back" reload
ip netns del a
ip netns del b
scenario "all modules unload, nothing is left" unload_all
all_done
