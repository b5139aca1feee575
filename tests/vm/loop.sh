#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# One machine that talks to itself: tools without a module, order of loading, module file missing, traffic, limits,
# settings, unloading.
#
#        +------------------ guest -------------------+
#        |  lo 127.0.0.0/8 ::1       rds_loop         |
#        |  v0 10.9.9.1 fd09::1      rds_tcp, rds_loop|--- v1 (nobody there)
#        +--------------------------------------------+
. /vm/guest.sh
on() { sh -c "$2"; }
T4=10.9.9.1 T6="[fd09::1]" L4=127.0.0.1 L6="[::1]"
parameters=/sys/module/rds/parameters

# 0. Nothing is loaded: the tools say in one line what to load. What they cannot understand they say before that.
tools_alone() {
	for command in "rds-ping -c 1 127.0.0.1" rds-info "rds-info -c" "rds-info --json"; do
		refused $command
		[ "$(wc -l < /tmp/said)" = 1 ]
		grep -q 'modprobe rds_tcp' /tmp/said
	done
	for command in rds-ping "rds-ping -c" "rds-ping -c x 127.0.0.1" "rds-ping --nonsense 127.0.0.1" "rds-info -x" \
		"rds-info -c extra"; do
		refused $command
		grep -qi '^usage' /tmp/said
	done
}

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

# Without modprobe, as in an initramfs: the same errors; what is loaded by hand works.
no_modprobe() {
	modprobe=$(cat /proc/sys/kernel/modprobe)
	trap 'echo "$modprobe" > /proc/sys/kernel/modprobe' EXIT
	echo /nonexistent > /proc/sys/kernel/modprobe
	fails timeout 5 rds-xfer recv --bind $L4:4000 --timeout 1 > /tmp/out 2>&1
	grep 'Cannot assign requested address' /tmp/out
	fails timeout 10 rds-xfer send --no-hello --bind $T4:4000 --to $T4:4001 --count 1 --timeout 5 > /tmp/out 2>&1
	grep 'Network is down' /tmp/out
	fails loaded rds_loop
	insert rds_loop
	transfer a $L4 a $L4 "" "--count 20 --quiet"
	transfer a $T4 a $T4 "" "--count 20 --quiet"
	rmmod rds_loop
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

# 6. A receiver that never reads: its queue has an end. Many times as much is offered: never_reads ADDRESS SIZE COUNT
# LEAST MOST
never_reads() {
	weigh
	begin a "$1" a "$1" "--no-hello --count $3 --sizes $2 --delay-us 10000000" \
		"--no-hello --count $3 --sizes $2 --nonblock --timeout 2 --quiet"
	fails finish send
	grep -q '^result send stalled' /tmp/send.out
	held "$4" "$5"
	killall rds-xfer
	await 100 ended recv
}

# hoard NAME OPTIONS: somebody queues without end, and keeps what he could queue
hoard() {
	start "$1" a "rds-hoard $2"
	await 100 grep '^hoard' "/tmp/$1.out"
	cat "/tmp/$1.out"
}
accepted() { sed 's/.*accepted=\([0-9]*\).*/\1/' "/tmp/$1.out"; }

# Empty messages cost, too.
endless_messages() {
	weigh
	hoard messages "messages --bind $T4 --to 10.9.9.9 --count $(n 100000)"
	grep -q 'errno=EAGAIN' /tmp/messages.out
	[ "$(accepted messages)" -lt "$(n 50000)" ]
	held 0 8192
	killall rds-hoard
}

# Destinations without end, where nobody answers: one user has his share of peers, and another has his own.
endless_peers() {
	share=$(n 8192)
	echo $share > $parameters/max_peers_user
	weigh
	hoard peers "peers --bind $T4 --to 10.8.0.1 --count $(n 20000)"
	grep -q 'errno=ENOMEM' /tmp/peers.out
	[ "$(accepted peers)" -le $share ]
	[ "$(accepted peers)" -gt $((share - 100)) ]
	# 8 kB each: no maps, no lanes that nobody uses
	held 0 65536
	hoard other "peers --bind $T4 --to 10.8.0.1 --count 10 --user 65534"
	grep -q 'accepted=10 refused=0' /tmp/other.out
	killall rds-hoard
}

# And when nobody has anything for them any more, they are forgotten, and their memory with them.
forgets_peers() {
	echo 1 > $parameters/idle_seconds
	await 60 few_peers
}
few_peers() { [ "$(rds-info -n | wc -l)" -le 100 ]; }

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

# 9. Every byte of every record, of lists that are not empty.
records() {
	start deaf a "rds-xfer recv --bind $L4:4000 --no-hello --delay-us 10000000 --timeout 60 --quiet"
	await 10 grep -q '^ready' /tmp/deaf.out
	hoard local "messages --bind $L4 --to $L4 --count 5 --size 77"
	hoard far "messages --bind $T4 --to 10.9.9.9 --count 3 --size 77"
	start records a "rds-records --address $L4 --address $T4 --address 10.9.9.9"
	finish records
	for list in 10000 10001 10003 10005 10006 10011 10012 10014 10015; do
		grep -q "^list $list: [1-9]" /tmp/records.out
	done
	killall rds-xfer rds-hoard
	await 10 ended deaf
}

# 10. Settings: as documented, in the first namespace only; a value is taken as it is or refused, and nothing beside
# it changes.
settings() {
	cd /proc/sys/net/rds || exit
	grep . reconnect_min_delay_ms reconnect_max_delay_ms max_unacked_packets max_unacked_bytes ping_enable \
		tcp/rds_tcp_sndbuf tcp/rds_tcp_rcvbuf
}

defaults() {
	[ "$(find /proc/sys/net/rds -type f | wc -l)" = 7 ]
	settings | sed -E 's/^(reconnect_min_delay_ms):(1|4|10)$/\1:tick/' > /tmp/settings
	cat /tmp/settings
	cmp /tmp/settings - <<-END
	reconnect_min_delay_ms:tick
	reconnect_max_delay_ms:1000
	max_unacked_packets:8
	max_unacked_bytes:16777216
	ping_enable:1
	tcp/rds_tcp_sndbuf:0
	tcp/rds_tcp_rcvbuf:0
	END
	[ "$(cat $parameters/send_batch_count)" = 1024 ]
	[ "$(find /proc/sys/net/rds -type f -perm 644 | wc -l)" = 7 ]
	ip netns add c
	[ "$(nsenter --net=/run/netns/c find /proc/sys/net/rds -type f | sort | tr '\n' ' ')" = \
		"/proc/sys/net/rds/tcp/rds_tcp_rcvbuf /proc/sys/net/rds/tcp/rds_tcp_sndbuf " ]
	ip netns del c
}

# put NAME VALUE: true when the kernel takes it; it has it then, or what it had before
put() {
	settings | grep -v "^$1:" > /tmp/others
	old=$(cat "/proc/sys/net/rds/$1")
	status=0
	echo "$2" 2> /dev/null > "/proc/sys/net/rds/$1" || status=1
	new=$(cat "/proc/sys/net/rds/$1")
	echo "$1: $old, after $2: $new"
	if [ "$new" != "$2" ] && [ "$new" != "$old" ]; then
		echo "is neither"
		exit 1
	fi
	settings | grep -v "^$1:" | cmp - /tmp/others || exit 1
	[ $status = 0 ] && [ "$new" = "$2" ]
}

limits() {
	long=$(printf '%0100d' 7)1
	for name in max_unacked_packets max_unacked_bytes ping_enable; do
		before=$(cat /proc/sys/net/rds/$name)
		for value in 0 -1 1 2147483647; do put $name $value; done
		for value in 2147483648 4294967296 9223372036854775808 18446744073709551616 "$long" word; do
			fails put $name "$value"
		done
		put $name "$before"
	done
	tick=$(cat /proc/sys/net/rds/reconnect_min_delay_ms)
	put reconnect_min_delay_ms 1000
	fails put reconnect_min_delay_ms 2000
	fails put reconnect_max_delay_ms 500
	for value in 0 -1 9223372036854775808 18446744073709551616 "$long" word; do
		fails put reconnect_min_delay_ms "$value"
		fails put reconnect_max_delay_ms "$value"
	done
	put reconnect_max_delay_ms 2147483000
	put reconnect_max_delay_ms 1000
	put reconnect_min_delay_ms "$tick"
}

# These two cannot be taken back: in a namespace that goes. Whose they are, the file says, not the writer.
tcp_limits() {
	ip netns add c
	nsenter --net=/run/netns/c /bin/sh -ec '
		cd /proc/sys/net/rds/tcp
		for pair in "rds_tcp_sndbuf 4608" "rds_tcp_rcvbuf 2304"; do
			name=${pair% *} least=${pair#* }
			for value in -1 1 $((least - 1)) 2147483648 4294967296 9223372036854775808 word; do
				if echo $value > $name; then exit 1; fi
				[ "$(cat $name)" = 0 ]
			done
			for value in 2147483647 $least; do
				echo $value > $name
				[ "$(cat $name)" = $value ]
			done
			# back to the choice of TCP (T28)
			echo 0 > $name
			[ "$(cat $name)" = 0 ]
		done' 2> /dev/null
	ip netns del c
	[ "$(cat /proc/sys/net/rds/tcp/*)" = "0
0" ]
}

scenario "without a module the tools say what to load" tools_alone
scenario "insmod in both orders" wrong_order
scenario "without rds_loop's file a bind fails and does not hang" no_loopback
insert rds_tcp
ip link add v0 type veth peer name v1
ip link set v0 up
ip link set v1 up
ip addr add $T4/24 dev v0
ip addr add fd09::1/64 dev v0 nodad
scenario "without rds_loop's file a send to a local address fails" no_loopback_for_tcp
# somewhere where nobody answers, and no neighbour has to be found
ip neigh add 10.9.9.8 lladdr 02:00:00:00:00:08 dev v0
ip route add 10.8.0.0/16 via 10.9.9.8
scenario "without modprobe local use fails, until rds_loop is loaded by hand" no_modprobe
scenario "the first local use loads rds_loop" first_use
scenario "each byte of the information records" records
scenario "settings have their defaults, and the namespaces theirs" defaults
scenario "settings take what they may" limits
scenario "settings of rds_tcp take what they may" tcp_limits
scenario "rds-ping to each kind of local address" pings
for pair in "$L4 $L4" "$L4 127.0.0.2" "$L6 $L6" "$T4 $T4" "$T6 $T6"; do
	scenario "verified traffic, ${pair% *} to ${pair#* }" exchange "${pair% *}" "${pair#* }"
done
scenario "a receiver that never reads costs no more than its limit" \
	within 16384 never_reads $L4 8192 "$(n 50000)" 12288 24576
slow || scenario "the same with empty messages" within 16384 never_reads $L4 0 "$(n 500000)" 4096 24576
slow || scenario "the same for a TCP-bound receiver" within 16384 never_reads $T4 8192 "$(n 50000)" 0 8192
scenario "bound sockets keep rds_loop" kept_by_sockets
scenario "rmmod rds_loop under traffic, traffic again" goes_under_traffic
scenario "a socket is fresh or bound, whoever looks" rds-race --tcp $T4 --rounds "$(n 2000)"
scenario "messages without end for nobody have a limit" endless_messages
scenario "peers without end have a limit" endless_peers
scenario "peers that nobody needs are forgotten" forgets_peers
ip link del v0
scenario "all modules unload, nothing is left" unload_all
all_done
