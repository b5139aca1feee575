#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# What tracepoints tell of things that happen between two namespaces, a 10.0.0.1 and b 10.0.0.2.
. /vm/guest.sh
hosts_are_namespaces
# records name the lane
echo 1 > /sys/module/rds/parameters/lanes
t=/sys/kernel/tracing
mount -t tracefs tracefs $t
on_mask=/sys/module/rds/parameters/trace_on
events="rds_conn_state rds_msg_queued rds_msg_sent rds_msg_received rds_msg_acked rds_msg_dropped
	rds_cong_port rds_cong_map rds_cong_send"
a="local=::ffff:$A4" b="local=::ffff:$B4" to_a="remote=::ffff:$A4" to_b="remote=::ffff:$B4"
a_net=netns=$(on a "stat -L -c %i /proc/self/ns/net") b_net=netns=$(on b "stat -L -c %i /proc/self/ns/net")

# listen EVENT...: to these from now on, in an empty buffer
listen() {
	deaf
	for event in "$@"; do echo 1 > $t/events/rds/$event/enable; done
}
deaf() {
	echo 0 > $t/events/rds/enable
	echo > $t/trace
}

# heard EVENT WORD...: some record of that event has all the words, each a member's
heard() {
	event=$1
	shift
	records=$(grep " $event: " $t/trace) || return 1
	for word in "$@"; do
		records=$(echo "$records" | grep -E " $word( |\$)") || return 1
	done
}
# the same, within a while; else it shows what was said
hears() { await 20 heard "$@" || { tail -n 20 $t/trace; return 1; }; }

counter() { rds-info -c | awk -v name="$1" '$1 == name { print $2 }'; }
bye() {
	killall "$1"
	await 20 ended "$2"
}

# 1. Formats: every member lies where the one before ends, so nothing is left as it was; no name that only the kernel
# can read.
formats() {
	[ "$(cd $t/events/rds && echo rds_*)" = "$(echo $events | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/ $//')" ]
	for event in $events; do
		sed -n 's/.*offset:\([0-9]*\);\tsize:\([0-9]*\);.*/\1 \2/p' $t/events/rds/$event/format > /tmp/members
		awk '$1 != end { print "a hole before", $1; bad = 1 } { end = $1 + $2 } END { exit bad || NR < 8 }' /tmp/members
		grep '^print fmt:' $t/events/rds/$event/format > /tmp/print
		fails grep 'RDS_' /tmp/print
		grep -q 'REC->netns' /tmp/print
	done
	for reason in bad_checksum no_sock op_not_repeated; do
		grep -q "\"$reason\"" $t/events/rds/rds_msg_dropped/format
	done
	fails grep -hE 'field:.*\*' $t/events/rds/*/format
}

# 2. Who does not listen does not pay: none of the functions behind the events is called, by traffic and drops that call
# each of some once somebody does.
nobody_listens() {
	deaf
	[ "$(cat $on_mask)" = 0 ]
	echo 'kernel_trace_*' > $t/set_ftrace_filter
	echo 'rds_tell_*' >> $t/set_ftrace_filter
	[ "$(wc -l < $t/set_ftrace_filter)" -ge 8 ]
	trap 'echo nop > $t/current_tracer; echo > $t/set_ftrace_filter; deaf' EXIT
	echo function > $t/current_tracer
	some_of_all
	fails grep -E 'kernel_trace|rds_tell' $t/trace
	echo 1 > $t/events/rds/enable
	some_of_all
	for function in kernel_trace_conn_state kernel_trace_msg kernel_trace_drop rds_tell_message; do
		grep -q " $function <-" $t/trace
	done
}
some_of_all() {
	answered a $A4 $B4
	transfer a $A4 b $B4 "" "--count 20 --quiet"
	unbound
	reset_from_a
	answered a $A4 $B4
}
reset_from_a() { on a "ss -tnK '( sport = :16385 or dport = :16385 )'"; }
# a message for a port that nobody has, and its sender stays
unbound() {
	before=$(counter recv_drop_no_sock)
	start unbound a "rds-hoard messages --bind $A4 --to $B4 --count 1 --size 77"
	await 20 sh -c "[ \$(rds-info -c | awk '\$1 == \"recv_drop_no_sock\" { print \$2 }') -gt $before ]"
	bye rds-hoard unbound
}

# 3. Each event has its bit, set while it is listened to, by one or two.
bits() {
	deaf
	bit=1
	for event in $events; do
		echo 1 > $t/events/rds/$event/enable
		echo "$event: $(cat $on_mask)"
		[ "$(cat $on_mask)" = $bit ]
		echo 0 > $t/events/rds/$event/enable
		[ "$(cat $on_mask)" = 0 ]
		bit=$((bit * 2))
	done
	mkdir $t/instances/second
	echo 1 > $t/events/rds/enable
	echo 1 > $t/instances/second/events/rds/rds_cong_map/enable
	[ "$(cat $on_mask)" = 511 ]
	echo 0 > $t/events/rds/enable
	[ "$(cat $on_mask)" = 128 ]
	rmdir $t/instances/second
	[ "$(cat $on_mask)" = 0 ]
}

# 4. A connection: how it comes and goes, and why.
connects() {
	answered a $A4 $B4
	listen rds_conn_state
	reset_from_a
	hears rds_conn_state $a_net $a $to_b lane=0 tos=0 transport=tcp from=DOWN to=CONNECTING why=none
	hears rds_conn_state $a_net $a $to_b from=CONNECTING to=UP why=none
	hears rds_conn_state $b_net $b $to_a from=CONNECTING to=UP why=none
}
is_reset() {
	listen rds_conn_state
	reset_from_a
	hears rds_conn_state $a_net $a $to_b from=UP to=ERROR why=peer_closed
	hears rds_conn_state $a_net $a $to_b from=ERROR to=DISCONNECTING
	hears rds_conn_state $a_net $a $to_b from=DISCONNECTING to=DOWN
}
settings_change() {
	answered a $A4 $B4
	listen rds_conn_state
	on a "echo 30000 > /proc/sys/net/rds/tcp/rds_tcp_sndbuf"
	hears rds_conn_state $a_net $a $to_b from=UP to=ERROR why=settings
}
nobody_answers() {
	on a "ip route add blackhole 10.3.3.0/24"
	listen rds_conn_state
	start hoard a "rds-hoard messages --bind $A4 --to 10.3.3.3 --count 1"
	hears rds_conn_state $a_net remote=::ffff:10.3.3.3 from=CONNECTING to=DOWN why=connect_failed
	bye rds-hoard hoard
	on a "ip route del 10.3.3.0/24"
}

# 5. A message, at both ends, from the queue to the acknowledgement.
member() { sed -n "s/.* $2=\([^ ]*\).*/\1/p" "$1"; }
flow() {
	transfer "$1" $2 "$3" $4 "" "--count 50 --sizes 1-5000 --quiet"
	here="local=::ffff:$2 lport=$((port + 8)) remote=::ffff:$4 rport=$port lane=0 tos=0 transport=$5"
	there="local=::ffff:$4 lport=$port remote=::ffff:$2 rport=$((port + 8)) lane=0 tos=0 transport=$5"
	await 20 all_acked
	for way in "queued:$here" "sent:$here" "received:$there" "acked:$here"; do
		event=${way%%:*}
		grep " rds_msg_$event: netns=[0-9]* ${way#*:} " $t/trace > /tmp/$event
		# number and length of each, in this order
		sed 's/.* \(seq=[0-9]* len=[0-9]*\) .*/\1/' /tmp/$event > /tmp/$event.order
		[ "$(wc -l < /tmp/$event)" -gt 50 ]
		cmp /tmp/queued.order /tmp/$event.order
	done
	fails grep -v "inode=[1-9]" /tmp/queued
	fails grep -v "inode=[1-9]" /tmp/received
	[ "$(member /tmp/queued seq | sort -n | uniq | wc -l)" = "$(wc -l < /tmp/queued)" ]
}
all_acked() {
	[ "$(grep -c " rds_msg_acked: .* $here " $t/trace)" = "$(grep -c " rds_msg_queued: .* $here " $t/trace)" ]
}
by_tcp() {
	answered a $A4 $B4
	listen rds_msg_queued rds_msg_sent rds_msg_received rds_msg_acked
	flow a $A4 b $B4 tcp
	fails grep -qv "$a_net " /tmp/queued
	fails grep -qv "$b_net " /tmp/received
}
by_loopback() {
	listen rds_msg_queued rds_msg_sent rds_msg_received rds_msg_acked
	flow a $A4 a $A4 loopback
}
pinged() {
	listen rds_msg_queued rds_msg_received
	answered a $A4 $B4
	hears rds_msg_queued $a_net $a $to_b rport=0 len=0 'inode=[1-9][0-9]*'
	hears rds_msg_received $b_net $b $to_a lport=0 inode=0
	hears rds_msg_queued $b_net $b $to_a lport=0 inode=0
}
sent_again() {
	listen rds_msg_sent
	on b "ip link set eth0 down"
	start hoard a "rds-hoard messages --bind $A4 --to $B4 --count 1 --size 77"
	hears rds_msg_sent $a $to_b rport=4000 len=77 flags=
	echo > $t/trace
	reset_from_a
	on b "ip link set eth0 up"
	hears rds_msg_sent $a $to_b rport=4000 len=77 flags=again
	bye rds-hoard hoard
}

# 6. Drops: the record, and the counter.
no_sock() {
	listen rds_msg_dropped
	unbound
	hears rds_msg_dropped $b_net $b lport=4000 $to_a lane=0 transport=tcp len=77 inode=0 why=no_sock
}
ping_disabled() {
	listen rds_msg_dropped
	before=$(counter recv_drop_no_sock)
	trap 'echo 1 > /proc/sys/net/rds/ping_enable' EXIT
	echo 0 > /proc/sys/net/rds/ping_enable
	fails on a "rds-ping -c 1 -i 1 -I $A4 $B4"
	hears rds_msg_dropped $b_net $b lport=0 $to_a len=0 why=ping_disabled
	[ "$(counter recv_drop_no_sock)" -gt "$before" ]
}
cancelled() {
	listen rds_msg_dropped
	before=$(counter send_drop_cancelled)
	start hoard a "rds-hoard messages --bind $A4 --to 10.0.0.99 --count 3 --size 77 --cancel"
	hears rds_msg_dropped $a_net $a remote=::ffff:10.0.0.99 rport=4000 len=77 'inode=[1-9][0-9]*' why=cancelled
	await 20 sh -c "[ \$(grep -c why=cancelled $t/trace) = 3 ]"
	[ "$(counter send_drop_cancelled)" = $((before + 3)) ]
	bye rds-hoard hoard
	fails grep why=closed $t/trace
}
closed() {
	listen rds_msg_dropped
	before=$(counter send_drop_closed)
	start hoard a "rds-hoard messages --bind $A4 --to 10.0.0.98 --count 3 --size 77"
	await 20 grep -q '^hoard' /tmp/hoard.out
	bye rds-hoard hoard
	hears rds_msg_dropped $a_net $a remote=::ffff:10.0.0.98 rport=4000 len=77 why=closed
	await 20 sh -c "[ \$(grep -c why=closed $t/trace) = 3 ]"
	[ "$(counter send_drop_closed)" = $((before + 3)) ]
}
unread() {
	listen rds_msg_dropped rds_msg_received
	start deaf b "rds-hoard unread --bind $B4"
	await 20 grep -q '^hoard' /tmp/deaf.out
	start hoard a "rds-hoard messages --bind $A4 --to $B4 --count 3 --size 77"
	await 20 sh -c "[ \$(grep -c 'rds_msg_received: .* lport=4000 .* len=77' $t/trace) = 3 ]"
	killall rds-hoard
	await 20 ended deaf
	await 20 ended hoard
	hears rds_msg_dropped $b_net $b lport=4000 $to_a len=77 why=unread
	await 20 sh -c "[ \$(grep -c why=unread $t/trace) = 3 ]"
}
# what no honest peer sends costs the connection, too
bad_bytes() {
	listen rds_msg_dropped rds_conn_state
	on a "rds-hostile $1 --from 10.5.0.$3 --to 10.5.9.9 --port 4000 --wait 2000 --expect reset,closed"
	hears rds_msg_dropped $b_net local=::ffff:10.5.9.9 remote=::ffff:10.5.0.$3 why=$2
	hears rds_conn_state $b_net local=::ffff:10.5.9.9 remote=::ffff:10.5.0.$3 to=ERROR why=bad_header
}
# a peer's end: the kernel's own question was still waiting for an answer
destroyed() {
	listen rds_msg_dropped rds_conn_state
	ip netns add c
	on c "ip link set lo up; ip link add v0 type veth peer name v1; ip link set v0 up; ip addr add 10.6.0.1/24 dev v0"
	c_net=netns=$(on c "stat -L -c %i /proc/self/ns/net")
	fails on c "rds-ping -c 1 -i 1 -I 10.6.0.1 10.6.0.2"
	ip netns del c
	hears rds_conn_state $c_net remote=::ffff:10.6.0.2 to=DOWN why=destroyed
	hears rds_msg_dropped $c_net remote=::ffff:10.6.0.2 lport=1 rport=0 why=conn_destroyed
}

# 7. Congestion: the reader's port, the map that tells, who is refused, who must wait.
congestion() {
	listen rds_cong_port rds_cong_map rds_cong_send
	transfer a $A4 b $B4 "--delay-us 500" "--count 250 --sizes 4096 --nonblock --quiet"
	hears rds_cong_port $b_net $b lport=$port congested=1
	hears rds_cong_port $b_net $b lport=$port congested=0
	hears rds_cong_map $a_net $a $to_b transport=tcp freed=0x[0-9a-f]*[1-9a-f][0-9a-f]*
	hears rds_cong_send $a_net $a lport=$((port + 8)) $to_b rport=$port tos=0 'inode=[1-9][0-9]*' refused=1
	fails heard rds_cong_send refused=0
	listen rds_cong_send
	transfer a $A4 b $B4 "--delay-us 500" "--count 250 --sizes 4096 --quiet"
	hears rds_cong_send $a_net $a lport=$((port + 8)) $to_b rport=$port refused=0
	fails heard rds_cong_send refused=1
}

# 8. Since the instance "all" was made, each drop that was counted was told of, under its own reason.
balance() {
	rds-info -c | awk '$1 ~ /^(recv|send)_drop_/ { print $1, $2 }' > /tmp/after
	sed -n 's/.* why=//p' $t/instances/all/trace > /tmp/whys
	paste -d ' ' /tmp/before /tmp/after | while read -r name was _ now; do
		case $name in
		recv_drop_no_sock) reasons='no_sock|wrong_transport|ping_disabled' ;;
		*) reasons=${name#*_drop_} ;;
		esac
		told=$(grep -cxE "$reasons" /tmp/whys) || true
		[ "$told" = $((now - was)) ] || { echo "$name: $((now - was)) counted, $told told"; exit 1; }
	done
	# each told reason belongs to a counter, and enough happened to tell
	[ "$(wc -l < /tmp/whys)" = "$(($(awk '{ n += $2 } END { print n }' /tmp/after) - \
		$(awk '{ n += $2 } END { print n }' /tmp/before)))" ]
	[ "$(sort -u /tmp/whys | wc -l)" -ge 8 ]
}

scenario "formats have no hole, no pointer, and names that user space can read" formats
scenario "each event has its bit while somebody listens" bits
# the debug kernel has no function tracer
! [ -e $t/set_ftrace_filter ] || scenario "nothing is called while nobody listens" nobody_listens
mkdir $t/instances/all
rds-info -c | awk '$1 ~ /^(recv|send)_drop_/ { print $1, $2 }' > /tmp/before
echo 1 > $t/instances/all/events/rds/rds_msg_dropped/enable
scenario "conn_state: a connection comes up" connects
scenario "conn_state: it is reset" is_reset
scenario "conn_state: it goes for new settings" settings_change
scenario "conn_state: nobody answers" nobody_answers
scenario "msg_queued, sent, received, acked: by TCP" by_tcp
scenario "msg_queued, sent, received, acked: by loopback" by_loopback
scenario "msg_queued, received: a ping" pinged
scenario "msg_sent: again, on the next connection" sent_again
scenario "msg_dropped: no_sock" no_sock
scenario "msg_dropped: ping_disabled" ping_disabled
scenario "msg_dropped: cancelled" cancelled
scenario "msg_dropped: closed" closed
scenario "msg_dropped: unread" unread
on a "ip addr add 10.5.0.1/16 dev eth0; ip addr add 10.5.0.2/16 dev eth0"
on b "ip addr add 10.5.9.9/16 dev eth0"
scenario "msg_dropped: bad_checksum" bad_bytes bad-checksum bad_checksum 1
scenario "msg_dropped: bad_length" bad_bytes huge-length bad_length 2
scenario "msg_dropped: conn_destroyed" destroyed
scenario "cong_port, cong_map, cong_send" congestion
scenario "every drop that is counted is told of" balance
deaf
echo 1 > $t/events/rds/enable
ip netns del a
ip netns del b
scenario "all modules unload while somebody listens" unload_all
all_done
