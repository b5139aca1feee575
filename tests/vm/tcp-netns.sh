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
# Further pairs of addresses on eth0 serve where a peer must be new: x is the smaller one, it connects. Link-local
# addresses are fe80::a1 and fe80::b1.
. /vm/guest.sh
hosts_are_namespaces
AL="[fe80::a1%eth0]" BL="[fe80::b1%eth0]"
ip -n a addr add fe80::a1/64 dev eth0 nodad
ip -n b addr add fe80::b1/64 dev eth0 nodad

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
pings_between() {
	answered a "$1" "$2"
	slow || answered b "$2" "$1"
}
pings() {
	pings_between $A4 $B4
	pings_between $A6 $B6
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
# What comes when the transfer is over shows nothing: then a longer one.
disturbed() {
	times=$1 length=$COUNT
	shift
	until disturb "$@"; do
		conclude
		length=$((length * 2))
		[ "$length" -le $((COUNT * 8)) ]
	done
	conclude
}

# it was still running when the last one hit
disturb() {
	begin a "$A" b "$B" "--delay-us $PACE $RECV" "--count $length $SEND" || return 1
	for i in $(seq "$times"); do
		await 60 over_or_moving $((i * length / (2 * times))) || return 1
		"$@" || return 1
	done
	moving 1
}
over_or_moving() { ended send || moving "$1"; }

SEND="--sizes 0-3000" RECV="" COUNT=$(n 4000)
# so that it outlives what is done to it, which takes a debug kernel a second each time
PACE=500
! slow || PACE=20000

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

# 6a. The sender's own pages: it overwrites each buffer as soon as it is told that it has it back.
lent() {
	for ends in "$A4 $B4" "$A6 $B6"; do
		transfer a ${ends% *} b ${ends#* } "--delay-us 200" \
			"--count $(n 300) --sizes mix:262144 --zerocopy 8 --nonblock --quiet"
	done
	# its way to itself is the loopback
	transfer a $A4 a $A4 "" "--count $(n 300) --sizes mix:262144 --zerocopy 3 --quiet"
}

# 6b. A buffer that is always full, mostly between a header and its page of one byte: the end of a stream takes a number
# of TCP's, too, the one that the byte was to have.
last_byte() {
	for host in a b; do on $host "tc qdisc add dev eth0 root netem delay 10ms"; done
	PACE=0
	disturbed_by_reset 4 change_buffers
	for host in a b; do on $host "tc qdisc del dev eth0 root"; done
}

# 6c. In a stream: a sender of ours says what it waits for, one in nine; the rest is acknowledged by the way, or when the
# clock ticks, each 4 ms. TCP itself would acknowledge one in two.
segments_sent() { on "$1" "cat /proc/net/snmp" | awk '$1 == "Tcp:" { value = $12 } END { print value }'; }
few_acks() {
	count=$(n 4000)
	transfer a $A4 b $B4 "" "--count 100 --sizes 64 --quiet"
	tick && began=$now before=$(segments_sent b)
	transfer a $A4 b $B4 "--rcvbuf 4194304" "--count $count --sizes 64 --quiet"
	tick && ticks=$(((now - began) * 5 / 2)) sent=$(($(segments_sent b) - before))
	echo "$sent packets for $count messages, in $ticks ticks"
	# beside the marks, one for each 536 bytes, if no larger packet has come on that lane
	[ $sent -lt $((count * 2 / 7 + ticks)) ]
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

# 7. Somebody reads all lists of a meanwhile, at least once for each kill.
reads() { grep -c '^TCP Connections' /tmp/eyes.out; }
read_again() { [ "$(reads)" -gt "$1" ]; }
kill_watched() {
	seen=$(reads) || true
	kill_from_a
	await 30 read_again "$seen"
}
watched() {
	rm -f /tmp/enough
	trap 'touch /tmp/enough' EXIT
	start eyes a "until [ -e /tmp/enough ]; do rds-info -T -n -c -s -r -t || exit; done"
	"$@"
	touch /tmp/enough
	finish eyes > /dev/null
	# it was not blind
	grep -E "^ *$A4 +[0-9]+ +$B4 +[0-9]+ " /tmp/eyes.out
}

# 8. Congestion: a slow reader, many senders.
sent() { grep -o "$1=[0-9]*" /tmp/send.out | tail -n 1 | cut -d= -f2; }
heavy=$((4096 * ${SCALE:-1})) reader="--delay-us 500"
# there a sender needs 0.15 s for each of them
! slow || reader="--delay-us 400000"

slow_reader() {
	transfer a $A4 b $B4 "$reader" "--count $(n 250) --sizes $heavy --nonblock --quiet"
	grep -q 'enobufs=[1-9]' /tmp/send.out
	transfer b $B4 a $A4 "$reader" "--count $(n 250) --sizes $heavy --quiet"
}

# poll tells who does not monitor of any end of congestion; a wake-up that never comes shows as a late one. A slow
# reader takes a second for the half of its queue that has to go first.
unmonitored() {
	transfer a $A4 b $B4 "$reader" "--count $(n 250) --sizes $heavy --nonblock --no-monitor --late-ms $((${SCALE:-1} * 1000)) --quiet"
	[ "$(sent cong_updates)" = 0 ]
	[ "$(sent enobufs)" -gt 0 ]
	[ $(($(sent late) * 2)) -le "$(sent enobufs)" ]
}

# 9. Every wait can be killed: a sender whose peer is not there.
killable() {
	next_port
	start stuck a "rds-xfer send --bind $A4:$port --to 10.0.0.99:$port --count $(n 1000) --sizes 60000 --no-hello --quiet"
	await 10 on a "rds-info -s | grep -q 10.0.0.99"
	killall -9 rds-xfer
	await 2 ended stuck
}

# 10. A namespace goes with its connections: its devices vanish. Traffic is running.
new_c() {
	ip netns add c
	ip link add toc address 02:00:00:00:03:01 netns a type veth peer name eth0 address 02:00:00:00:03:02 netns c
	ip -n c link set lo up
	ip -n c link set eth0 up
	ip -n a link set toc up
	ip -n c addr add 10.3.0.2/24 dev eth0
	ip -n a addr add 10.3.0.1/24 dev toc
}

make_c() {
	new_c
	begin a 10.3.0.1 c 10.3.0.2 "--timeout 60" "--count 1000000 --timeout 60"
	await 20 moving "$(n 100)"
}

delete_c() {
	ip netns del c
	# what runs in it keeps it alive
	ip -n a link show toc
	killall -9 rds-xfer
	await 30 fails ip -n a link show toc
}

# ... and connects are on their way
connecting() {
	make_c
	start stuck c "rds-xfer send --bind 10.3.0.2:5000 --to 10.3.0.77:5000 --count 10 --no-hello --quiet"
	start more c "rds-xfer send --bind 10.3.0.2:5001 --to 10.0.0.2:5001 --count 10 --no-hello --quiet"
	await 10 on c "rds-info -n | grep -q 10.3.0.77"
	delete_c
	transfer a $A4 b $B4 "" "--count $(n 100) --quiet"
}

# ... and a connection to it is half open: its answer to the SYN is lost
half_open() {
	make_c
	ip -n a neigh replace 10.3.0.2 lladdr 02:00:00:00:03:02 dev toc
	ip -n c neigh replace 10.3.0.1 lladdr 02:00:00:00:03:01 dev eth0
	on c "tc qdisc add dev eth0 root netem loss 100%"
	start knock a "nc 10.3.0.2 16385"
	await 10 on c "ss -tnH state syn-recv | grep -q :16385"
	delete_c
	killall nc
	await 10 ended knock
}

# ... and what it has sent waits in a slow queue
queued() {
	make_c
	JOB=2 begin c 10.3.0.2 a 10.3.0.1 "--timeout 60" "--count 1000000 --timeout 60"
	JOB=2
	await 20 moving "$(n 100)"
	JOB=
	on c "tc qdisc add dev eth0 root netem rate 64kbit"
	await 20 on c "tc -s qdisc show dev eth0 | grep -q 'backlog [1-9]'"
	delete_c
}

# ... and somebody in a, who opened c's sysctl before, writes it: the connections of c start again, a's do not
streams_of() { on a "ss -tnH dst $1 dport = :16385" | awk '{ print $4 }' | sort; }
started_again() {
	now_to_c=$(streams_of 10.3.0.2)
	[ -n "$now_to_c" ] && [ "$now_to_c" != "$to_c" ]
}
sysctl_written() {
	make_c
	answered a $A4 $B4
	to_b=$(streams_of $B4)
	to_c=$(streams_of 10.3.0.2)
	[ -n "$to_b" ]
	write="while echo 30000 > /proc/self/fd/3; do :; done"
	start writer c "exec 3< /proc/sys/net/rds/tcp/rds_tcp_sndbuf; exec nsenter --net=/run/netns/a sh -c '$write'"
	await 20 started_again
	fails ended writer
	delete_c
	finish writer
	[ "$(streams_of $B4)" = "$to_b" ]
}

# ... and one with its addresses comes. It counts from one again, and the first that it says is lost: what it then
# repeats has low numbers, and yet nobody has it.
unacknowledged() { [ "$(on c "rds-info -t" | grep -c ' 64$')" = 5 ]; }
comes_back() {
	new_c
	ip -n a addr add 10.3.0.9/24 dev toc
	transfer c 10.3.0.2 a 10.3.0.9 "" "--count $(n 300) --quiet"
	ip netns del c
	await 30 fails ip -n a link show toc
	new_c
	ip -n a addr add 10.3.0.9/24 dev toc
	on c "tc qdisc add dev eth0 root netem delay 5s"
	few="--no-hello --count 5 --sizes 64 --timeout 60"
	begin c 10.3.0.2 a 10.3.0.9 "$few" "$few --quiet"
	await 60 unacknowledged
	# the queue's contents are gone with it; the stream must not repeat them
	ip -n c link set eth0 down
	on c "ss -tnK dst 10.3.0.9" | grep 10.3.0.9
	on c "tc qdisc del dev eth0 root"
	ip -n c link set eth0 up
	conclude
	ip netns del c
	await 30 fails ip -n a link show toc
}

dies() {
	for _ in $(seq "$(n 3)"); do "$@"; done
}

# 11. Binding to a link-local address while its device goes. Who has bound is told at once that there is no such file.
device_goes() {
	rm -f /tmp/enough
	trap 'touch /tmp/enough' EXIT
	binders=$(seq "$(n 3)")
	for i in $binders; do
		bind="rds-xfer recv --bind [fe80::d1%gone]:400$i --out /no/file"
		start binder$i a "until [ -e /tmp/enough ]; do $bind 2>&1 | head -n 1; done"
	done
	for _ in $(seq "$(n 5)"); do
		ip -n a link add gone type veth peer name gone2
		ip -n a link set gone up
		ip -n a addr add fe80::d1/64 dev gone nodad
		bound=$(grep -c '^/no/file' /tmp/binder1.out) || true
		await 20 bound_again "$bound"
		ip -n a link del gone
	done
	touch /tmp/enough
	for i in $binders; do await 20 ended binder$i; done
	fails ip -n a link show gone
}
bound_again() { [ "$(grep -c '^/no/file' /tmp/binder1.out)" -gt "$1" ]; }

# 12. A stream that waits for its lane, which is in use, delays no other peer. The raw one comes from a's address.
raw_waits() { on a "ss -tnpH state established dport = :16385" | grep '"nc"'; }
one_waits() {
	answered a $A4 $B4
	# its input must not end: that would be a FIN
	start wait a "tail -f /dev/null | nc $B4 16385 > /dev/null"
	await 10 raw_waits
	fresh_pair
	transfer a $small b $large "" "--count $(n 100) --quiet"
	raw_waits
	killall nc tail
	await 10 ended wait
	transfer a $A4 b $B4 "" "--count $(n 100) --quiet"
}

# 13. The sizes of buffers: 0 leaves them to TCP, again.
sizes_are_checked() {
	for name in rds_tcp_sndbuf rds_tcp_rcvbuf; do
		file=/proc/sys/net/rds/tcp/$name
		[ "$(on a "cat $file")" = 0 ]
		on a "sysctl -w net.rds.tcp.$name=4096000"
		[ "$(on a "cat $file")" = 4096000 ]
		on a "sysctl -w net.rds.tcp.$name=0"
		[ "$(on a "cat $file")" = 0 ]
		on a "sysctl -w net.rds.tcp.$name=1" 2>&1 | grep 'Invalid argument'
		[ "$(on a "cat $file")" = 0 ]
	done
}

# 14. rds_tcp goes, with connections but without sockets, and comes back; net.ipv6.bindv6only must not matter.
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

# ... while somebody reads its lists, or finds none
reload_watched() {
	rm -f /tmp/enough
	trap 'touch /tmp/enough' EXIT
	for i in 1 2; do
		start eyes$i a "until [ -e /tmp/enough ]; do rds-info -T -n -c; done"
	done
	for _ in $(seq "$(n 5)"); do
		answered a $A4 $B4
		await 30 rmmod rds_tcp
		insert rds_tcp
	done
	touch /tmp/enough
	for i in 1 2; do await 30 ended eyes$i; done
	grep -qE "^ *$A4 +[0-9]+ +$B4 +[0-9]+ " /tmp/eyes1.out
}

scenario "IPv4 traffic, both directions" exchange $A4 $B4
scenario "IPv6 traffic, both directions" exchange $A6 $B6
slow || scenario "link-local traffic, both directions" exchange "$AL" "$BL"
scenario "rds-ping between link-local addresses" pings_between "$AL" "$BL"
scenario "messages of 1 MiB" whole_megabytes
scenario "the first messages to new peers arrive" first_messages
scenario "rds-ping, both directions and families" pings
scenario "rds-info lists what belongs to the namespace" lists
scenario "same address and port in two namespaces" two_worlds
scenario "a slow reader congests, nothing is lost" slow_reader
scenario "a slow reader, and a sender that does not monitor" unmonitored
scenario "binding to an address whose device goes" device_goes
slow || scenario "buffer sizes are checked, 0 is one" sizes_are_checked
A=$A4 B=$B4 resets=4
! slow || resets=2
scenario "link down and up under traffic" disturbed $((resets / 2)) link_blinks
scenario "streams killed at the sender, waiting in the kernel" disturbed_by_reset $resets kill_from_a
SEND="--sizes 0-3000 --nonblock"
scenario "streams killed at the receiver, non-blocking" disturbed_by_reset $resets kill_from_b
scenario "pages of the sender's own" lent
SEND="--sizes 1-3000 --nonblock --zerocopy 16"
scenario "streams killed while they carry pages of the sender's own" disturbed_by_reset $((resets / 2)) kill_from_b
SEND="--sizes 1 --nonblock --zerocopy 16" COUNT=$(n 1000)
slow || scenario "streams end where a message lacks its last byte" last_byte
SEND="--sizes 0-3000 --nonblock" COUNT=$(n 4000)
scenario "lists are read while streams are killed" watched disturbed_by_reset 2 kill_watched
A=$A6 B=$B6 RECV="--pairs 3" SEND="--pairs 3 --sizes 0-8192" COUNT=$(n 3000)
scenario "IPv6 streams killed on both sides, three pairs" disturbed_by_reset $resets kill_from_b
A=$A4 B=$B4
scenario "buffer sizes changed under traffic" disturbed_by_reset $resets change_buffers
slow || scenario "small messages need few acknowledgements" few_acks
scenario "a cable that loses, repeats and reorders" bad_cable
scenario "a sender without peer dies at once" killable
scenario "a stream that waits delays no other peer" one_waits
scenario "a namespace dies with connections" connecting
scenario "a namespace dies with a half open connection" dies half_open
scenario "a namespace dies with data in a slow queue" dies queued
scenario "a namespace dies while its sysctls are written" dies sysctl_written
scenario "a namespace dies, and its address comes back" comes_back
scenario "rds_tcp unloads and comes back" reload
scenario "rds_tcp unloads while its lists are read" reload_watched
ip netns del a
ip netns del b
scenario "all modules unload, nothing is left" unload_all
all_done
