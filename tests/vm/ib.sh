#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# RDS over InfiniBand between two machines, each with a soft-RoCE device on its eth0.
#
#   +---- a, guest 1 ----+          +---- b, guest 2 ----+
#   | 10.77.0.1 fd77::1  |          | 10.77.0.2 fd77::2  |
#   | 10.78.0.1          |---eth0---| 10.78.0.2          |
#   | 10.80.x.1          |          | 10.80.x.2          |     peers that nobody knows yet
#   +--------------------+          +--------------------+
#
#   WHO=ours+stock     whose modules a and b have; what the kernel's own cannot do is expected of ours only
#   PROVE=1            it is run on them, too, and has to fail
#
# Never does a link go down: soft-RoCE does not get over it. Packets are lost, or the device goes.
. /vm/guest.sh
hosts_are_guests
C4=10.78.0.1 D4=10.78.0.2
rows=/tmp/rows
whose() { if [ "$1" = a ]; then echo "${WHO%+*}"; else echo "${WHO#*+}"; fi; }
other() { if [ "$1" = a ]; then echo b; else echo a; fi; }
address() { if [ "$1" = a ]; then echo $A4; else echo $B4; fi; }

# ------------------------------------------------------------------ cases that only ours pass

# $chance is set: they may pass elsewhere, with luck
# on both, or on that host
expected() {
	for one in $hosts; do
		[ "$1" = $one ] || [ "$1" = both ] || continue
		[ "$(whose $one)" = ours ] || return 1
	done
}

skipped() { # NAME WHY
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

ours_only() { # a, b or both; then as scenario
	who=$1
	shift
	if expected $who; then
		fault "$@"
		return
	fi
	name=$1
	if [ -z "$PROVE" ]; then
		skipped "$name" "ours only"
		return
	fi
	count=$((count + 1))
	shift
	(set -e; "$@") > /tmp/case 2>&1
	status=$?
	if [ $status = 0 ] && [ -n "${chance:-}" ]; then
		echo "ok $count - $name # SKIP ours only: passes by chance"
	elif [ $status = 0 ]; then
		failed=$((failed + 1))
		echo "not ok $count - $name: the kernel's own modules pass"
	else
		echo "ok $count - $name # SKIP ours only: fails"
		tail -n 3 /tmp/case | sed 's/^/# /'
		start_again > /tmp/again 2>&1
	fi
}

# ------------------------------------------------------------------ hosts

# the device, and how many of each of its objects are in use
device_up() { on "$1" "rdma link add rxe0 type rxe netdev eth0"; }
in_use() { on "$1" "rdma resource show" | sed 's/^[0-9]*: //; s/srq.*//'; }
load() { on "$1" "modprobe rds_rdma rds_ib_retry_count=${2:-7}"; } # HOST [RETRIES]
# the same on either host; here, guest.sh is not read again, which would begin with its ports
guest_function() { # HOST COMMAND
	if [ $1 = a ]; then $2; else on b ". /vm/guest.sh; $2"; fi
}

# the device has an address a moment after its interface has
gid() { echo "$1" | { IFS=. read -r i j k l; printf 'ffff:%02x%02x:%02x%02x' $i $j $k $l; }; }
add() { # HOST ADDRESS
	on $1 "ip addr add $2/24 dev eth0"
	await 10 has_gid $1 $2
}
has_gid() { on $1 "cd /sys/class/infiniband/rxe0/ports/1/gids && grep -q $(gid $2) ? ??"; }

# a pair of addresses that nobody knows: $small (in a) and $large (in b)
echo 0 > /tmp/pairs
new_pairs() { # COUNT
	read -r pair < /tmp/pairs
	first=$((pair + 1)) pair=$((pair + $1))
	echo $pair > /tmp/pairs
	for host in $hosts; do
		on $host "for i in \$(seq $first $pair); do ip addr add 10.80.\$i.$(number_of $host)/24 dev eth0; done"
	done
	small=10.80.$pair.1 large=10.80.$pair.2
	await 10 has_gid a $small
	await 10 has_gid b $large
}
near_and_far() { # HOST
	there=$(other $1)
	if [ $1 = a ]; then near=$small far=$large; else near=$large far=$small; fi
}
number_of() { if [ $1 = a ]; then echo 1; else echo 2; fi; }

no_sockets_on() { await 20 on "$1" "[ \$(awk '\$1 == \"RDS\" { print \$3 }' /proc/net/protocols) = 0 ]"; }
# what is left of a case that failed
quiet() {
	for host in $hosts; do
		on $host "tc qdisc del dev eth0 root; killall -q -9 rds-xfer rds-rdma2; true"
		no_sockets_on $host
	done
}
fault() { # as scenario
	before=$failed
	scenario "$@"
	[ $failed = $before ] || start_again > /tmp/again 2>&1
}
start_again() {
	quiet
	for host in $hosts; do
		guest_function $host unload_all
		load $host
	done
}

# ------------------------------------------------------------------ without a device

binds() { # HOST ADDRESS
	next_port
	start bound $1 "rds-xfer recv --bind $2:$port --timeout 2 --quiet"
	await 10 ended_or_ready
	grep -q '^ready' /tmp/bound.out
}
ended_or_ready() { ended bound || grep -q '^ready' /tmp/bound.out; }
refuses() { # HOST ADDRESS
	fails binds $1 $2
	fails finish bound
	grep -q 'Cannot assign requested address' /tmp/bound.out
}

no_device() {
	for host in $hosts; do
		load $host
		refuses $host "$(address $host)"
	done
}
says_so() { # HOST: one line, whatever was tried
	on $1 "dmesg | grep 'RDS/IB: no device'" > /tmp/lines
	cat /tmp/lines
	[ "$(wc -l < /tmp/lines)" = 1 ]
}
falls_to_tcp() {
	on a "modprobe rds_tcp"
	binds a $A4
	on a "killall rds-xfer"
	await 10 ended bound
	on a "rmmod rds_tcp"
}

# the transport is there before the device is, on b; on a it is the other way round
devices() {
	on a "rmmod rds_rdma"
	device_up a
	in_use a > /tmp/rest.a
	load a
	on b "rmmod rds_rdma"
	device_up b
	in_use b > /tmp/rest.b
	on b "rdma link del rxe0"
	load b
	device_up b
	add a $C4
	add b $D4
}

# ------------------------------------------------------------------ traffic

pings() {
	await 30 answered a $A4 $B4
	answered b $B4 $A4
	await 30 answered b $B6 $A6
	answered a $A6 $B6
	answered a $A4 $A4
}

# whose address is which, in the words of either family
logs() { # HOST
	for pair in "::ffff:$A4 ::ffff:$B4" "fd77::1 fd77::2"; do
		from=${pair% *} to=${pair#* }
		[ $1 = a ] || { from=${pair#* } to=${pair% *}; }
		on $1 "dmesg | grep 'RDS/IB: connected $from to $to, tos 0,'"
	done
}
says_whose() { # HOST
	! expected $1 || scenario "the log of $1 names addresses as they are" logs $1
}

exchange() {
	transfer a "$1" b "$2" "" "--count 150 --sizes mix:1048576 --sndbuf 2097152 --quiet"
	transfer b "$2" a "$1" "" "--count 150 --sizes mix:1048576 --sndbuf 2097152 --quiet"
	JOB=1 begin a "$1" b "$2" "" "--count 1500 --sizes 0-200 --nonblock --quiet"
	JOB=2 begin b "$2" a "$1" "--pairs 2" "--pairs 2 --count 300 --sizes 0-5000 --nonblock --quiet"
	JOB=1 conclude
	JOB=2 conclude
}

tos() {
	answered a $A4 $B4
	on a "rds-ping -c 1 -i 10 -Q 5 -I $A4 $B4"
	on b "rds-ping -c 1 -i 10 -Q 255 -I $B4 $A4"
	for host in $hosts; do
		on $host "rds-info -I" > /tmp/list
		grep -qE ' 0 +0 +::ffff:10.77' /tmp/list
		grep -qE ' 5 +5 +::ffff:10.77' /tmp/list
		grep -qE ' 255 +15 +::ffff:10.77' /tmp/list
	done
}

# two sockets of each host, and four peers
peers() {
	new_pairs 4
	jobs=$(seq $first $pair)
	for JOB in $jobs; do
		begin a 10.80.$JOB.1 b 10.80.$JOB.2 "--pairs 2" "--pairs 2 --count 60 --sizes mix --quiet"
	done
	for JOB in $jobs; do conclude; done
}

# whoever reads slowly, or stops, the other learns of it, and of its end
congestion() {
	# slower than any sender, who has more than fits
	pace=400
	! slow || pace=200000
	transfer b $B4 a $A4 "--delay-us $pace" "--count $(n 400) --sizes $((4096 * ${SCALE:-1})) --nonblock --quiet"
	grep -q 'enobufs=[1-9]' /tmp/send.out
	transfer a $A4 b $B4 "--delay-us $pace" "--count $(n 400) --sizes $((4096 * ${SCALE:-1})) --nonblock --quiet"
	grep -q 'enobufs=[1-9]' /tmp/send.out
	begin a $A4 b $B4 "--delay-us $((pace * 5))" "--count $(n 800) --sizes 8192 --nonblock"
	await 20 moving 20
	on b "killall -STOP rds-xfer"
	await 20 stuck
	on b "killall -CONT rds-xfer"
	conclude
	grep -q 'enobufs=[1-9]' /tmp/send.out
}
stuck() {
	before=$(tail -n 1 /tmp/send.out | grep -o 'messages=[0-9]*')
	usleep 400000
	[ "$before" = "$(tail -n 1 /tmp/send.out | grep -o 'messages=[0-9]*')" ]
}

# ------------------------------------------------------------------ RDMA

# rdma2 HOST: each row of rds-rdma2 is a case; the owner is on the other host
rdma2() {
	new_pairs 1
	near_and_far $1
	next_port
	start owner $there "rds-rdma2 owner --bind $(address $there):$port"
	await 10 grep -q '^ready' /tmp/owner.out
	status=0
	on $1 "timeout $((90 * ${SCALE:-1})) rds-rdma2 drive --bind $(address $1):$port --to $(address $there):$port \
--here $(whose $1) --there $(whose $there) ${PROVE:+--prove} --third $near,$far --rounds $(rounds $there) $(sections $1) --quit" > $rows 2>&1 || status=$?
	sed -E "s/^((not )?ok) [0-9]+ - /\1 0 - from $1: /; s/^1\.\./# rows: /" $rows
	scenario "rds-rdma2 on $1 comes to its end" grep -q '^1\.\.[0-9]' $rows
	if [ $status != 0 ]; then
		failed=$((failed + 1))
		start_again > /tmp/again 2>&1
	fi
	on $there "killall -q -9 rds-rdma2"
	finish owner > /tmp/owner.end
}
# where ours meets the kernel's own, what is about the side that is ours
sections() { # HOST
	case ${PROVE}$(whose $1)+$(whose "$(other $1)") in
	ours+stock) echo "--only move,flags,life,tos,refused,killed,atomics" ;;
	stock+ours) echo "--only move,life,locked,refused,held,killed,many" ;;
	esac
}
# of the kernel's own modules not too many: see lossy
rounds() { if expected $1; then echo 2000; else echo 300; fi; }

load_on() { # HOST OPTIONS: jobs owner and send run
	there=$(other $1)
	next_port
	start owner$JOB $there "rds-rdma2 owner --bind $(address $there):$port"
	await 20 grep -q '^ready' /tmp/owner$JOB.out
	start send$JOB $1 "timeout $((90 * ${SCALE:-1})) rds-rdma2 load --bind $(address $1):$port --to $(address $there):$port $2 --quit"
}

loaded_well() {
	finish send$JOB 90
	finish owner$JOB
}

loads() {
	JOB=1 load_on a "--count 150"
	JOB=2 load_on b "--count 150"
	JOB=1 loaded_well
	JOB=2 loaded_well
}

# rds-stress, in three runs at once: large operations, many vectors, the largest; jobs active$JOB and passive$JOB
stresses() {
	for host in $hosts; do moved_by $host > /tmp/moved.$host; done
	seconds=2
	! slow || seconds=12
	new_pairs 1
	JOB=-64k stress a $A4 $B4 "-T $seconds -v -d 2 -D 65536"
	JOB=-vectors stress b $D4 $C4 "-T $seconds -v -D 4096 -I 8"
	JOB=-1m stress a $small $large "-T $seconds -v -D 1048576"
}
stress() { # HOST ADDRESS PEER OPTIONS
	next_port
	start passive$JOB "$(other $1)" "rds-stress -r $3 -p $port"
	await 20 grep -q '^waiting for incoming connection' /tmp/passive$JOB.out
	start active$JOB $1 "rds-stress -r $2 -s $3 -p $port $4"
}
# Both end as they should, have seen no wrong byte, and moved some into their memory and out of it: columns 5 and 6.
stressed() {
	finish active$JOB
	finish passive$JOB
	for job in active$JOB passive$JOB; do
		sed -n 's/ *(average)$//p' /tmp/$job.out | awk '{ n += $5 > 0 && $6 > 0 } END { exit n != 1 }'
	done
}
# each host has written so much itself, and read so much: at least one of the largest
stress_counted() {
	for host in $hosts; do
		moved_by $host | paste -d ' ' /tmp/moved.$host - |
			awk '{ print } $4 - $2 < 1048576 { bad = 1 } END { exit bad || NR != 2 }'
	done
}
moved_by() { on $1 "rds-info -c" | awk '/^ *(send|recv)_rdma_bytes / { print $1, $2 }'; } # HOST

# On connections that are made now the send ring has four places: less than a message or an operation needs (it gets
# 288), less than the work requests between two that are signalled.
small_rings() {
	new_pairs 1
	rings 4
}
rings() { for host in $hosts; do on $host "echo $1 > /proc/sys/net/rds/ib/max_send_wr"; done; }
ring_messages() { # HOST
	near_and_far $1
	transfer $1 $near $there $far "" "--count 8 --sizes 1048576 --sndbuf 2097152 --quiet"
	on $1 "rds-info -Iv" | grep "$near *$far" | grep -q 'send_wr=288,'
}
ring_rdma() { # HOST
	near_and_far $1
	next_port
	start owner $there "rds-rdma2 owner --bind $far:$port"
	await 10 grep -q '^ready' /tmp/owner.out
	on $1 "timeout $((60 * ${SCALE:-1})) rds-rdma2 drive --bind $near:$port --to $far:$port --here $(whose $1) \
--there $(whose $there) --only ring --quit"
	finish owner
}

# ------------------------------------------------------------------ flow control

# Where both ends want it and have it, messages of more parts than the peer has room for wait for credits.
flow_control() { # what a wants, what b wants, who connects
	on='' many="--count 20 --sizes 0-20000"
	[ "$1 $2" != "1 1" ] || ! expected both || on=yes
	wants $1 $2
	if [ $on ]; then
		many="--count 4 --sizes 200000-500000"
		receives 1
	fi
	for side in $3; do flow_from $side; done
	[ -z "$on" ] || receives 1024
	wants 0 0
}
wants() {
	on a "echo $1 > /proc/sys/net/rds/ib/flow_control"
	on b "echo $2 > /proc/sys/net/rds/ib/flow_control"
}
receives() { for host in $hosts; do on $host "echo $1 > /proc/sys/net/rds/ib/max_recv_wr"; done; }
flow_from() { # HOST: it connects
	new_pairs 1
	near_and_far $1
	[ -z "$on" ] || credits > /tmp/credits
	JOB=1 begin $1 $near $there $far "" "$many --sndbuf 2097152 --quiet"
	JOB=2 begin $there $far $1 $near "" "$many --sndbuf 2097152 --quiet"
	JOB=1 conclude
	JOB=2 conclude
	says_flow $1 $near $far
	says_flow $there $far $near
	[ -z "$on" ] || credits | paste -d ' ' /tmp/credits - | awk '$3 <= $1 { print; bad = 1 } END { exit bad || NR != 6 }'
}
# what became of it, in the log of those that are ours
says_flow() { # HOST ADDRESS PEER
	[ "$(whose $1)" = ours ] || return 0
	on $1 "dmesg | grep 'RDS/IB: connected ::ffff:$2 to ::ffff:$3, '" > /tmp/lines
	cat /tmp/lines
	[ "$(grep -c 'flow control$' /tmp/lines)" = "$(if [ $on ]; then wc -l < /tmp/lines; else echo 0; fi)" ]
}
credits() {
	for host in $hosts; do
		on $host "rds-info -c" | awk '/ib_tx_credit_updates|ib_rx_credit_updates|ib_tx_throttle/ { print $2, $1 }'
	done
}

# ------------------------------------------------------------------ faults

# Whoever adds a queueing discipline loses packets in a way that breaks a connection of soft-RoCE: first it does nothing.
discipline() { # COMMAND [OPTION...]
	for host in $hosts; do on $host "tc qdisc $1 dev eth0 root ${2:-}"; done
}

# Regions are registered before: with what follows a lost packet soft-RoCE does a registration once more, and breaks the
# connection over it. And what waits for a fence may wait for ever.
lossy() { # PERCENT
	discipline add "netem limit 20000"
	# a lost packet that no other follows costs half a second, soft-RoCE's time for an acknowledgement: with bad luck all
	# take half a minute, and what comes first takes most of it
	JOB=3 load_on a "--count 80 --most 20000 --no-fence"
	JOB=3 await 20 moving 2
	discipline change "netem limit 20000 loss $1%"
	JOB=1 begin a $A4 b $B4 "--timeout 80" "--count 60 --sizes mix --timeout 80 --quiet"
	JOB=2 begin b $B4 a $A4 "--timeout 80" "--count 60 --sizes mix --timeout 80 --quiet"
	JOB=1 conclude
	JOB=2 conclude
	JOB=3 loaded_well
	discipline del
	grep -vx 0 /sys/class/infiniband/rxe0/ports/1/hw_counters/completer_retry_err
}

# The owner of the regions gets over it, and its connections come back.
lossy_registrations() { # HOST
	discipline add "netem limit 20000 loss 3%"
	load_on "$(other $1)" "--count 30 --most 20000 --no-fence --allow-dropped"
	loaded_well
	discipline del
}

# Under traffic in both directions something is done; no message is lost.
survives() { # COMMAND...
	JOB=1 begin a $C4 b $D4 "--delay-us 300 --timeout 40" "--count 1200 --sizes 0-4000 --timeout 40"
	JOB=2 begin b $D4 a $C4 "--delay-us 300 --timeout 40" "--count 1200 --sizes 0-4000 --nonblock --timeout 40"
	for JOB in 1 2; do await 60 moving 300; done
	"$@"
	for JOB in 1 2; do conclude; done
}

device_blinks() { on $1 "rdma link del rxe0 && rdma link add rxe0 type rxe netdev eth0"; }

# memory of b's stays valid: the device goes where the operations are begun
device_blinks_rdma() {
	load_on a "--count 600 --allow-dropped"
	await 30 moving 50
	device_blinks a
	await 30 moving 300
	loaded_well
}

# The memory is that of the host whose device goes. Its regions go, too, and nothing of them is left; what is registered
# since then is as good as ever.
device_blinks_owner() {
	load_on b "--count 600 --allow-dropped --renew"
	await 30 moving 50
	device_blinks a
	loaded_well
	# operations on the old regions have failed, once: after that all were done
	grep -qE '^result load ok .* status\.0=[1-9][0-9]{2} .*renewals=[1-9] ' /tmp/send.out
	for host in $hosts; do await 20 nothing_pinned $host; done
}
# the first file brings the second one up to date
nothing_pinned() { # HOST
	on $1 "cat /proc/sys/vm/stat_refresh; awk '/^nr_foll_pin_acquired/ { n += \$2 } /^nr_foll_pin_released/ { n -= \$2 } \
		END { exit n != 0 }' /proc/vmstat"
}

address_blinks() {
	on $1 "ip addr del $2/24 dev eth0; usleep 300000; ip addr add $2/24 dev eth0"
	# an acknowledgement that soft-RoCE could not send has broken its queue pair, and tells nobody: the kernel's own
	# modules find that when they send the next time, which may be never (1 of 15)
	[ "$(whose $1)" = ours ] || on $1 "rds-ping -c 1 -i 5 -I $2 $(if [ $1 = a ]; then echo $D4; else echo $C4; fi)" || true
}
# what soft-RoCE of 6.1 cannot send it forgets to send again
address_changes() { # HOST ADDRESS
	name="an address of $1 goes and comes under traffic"
	case $(on $1 "uname -r") in
	6.1.*) skipped "$name" "soft-RoCE of 6.1" ;;
	*) fault "$name" survives address_blinks $1 $2 ;;
	esac
}

# Who has it no more cannot bind to it, though there was a connection.
address_gone() { # HOST
	extra=10.81.$count.9
	add $1 $extra
	await 20 on $1 "rds-ping -c 1 -i 5 -I $extra $extra"
	on $1 "ip addr del $extra/24 dev eth0"
	refuses $1 $extra
}

# One side's modules go, with all they know, and come back; the other side goes on sending meanwhile.
reload() { # HOST
	there=$(other $1)
	if [ $1 = a ]; then near=$C4 far=$D4; else near=$D4 far=$C4; fi
	begin $there $far $1 $near "--timeout 60" "--count 1000000 --sizes 0-4000 --timeout 60"
	await 30 moving 200
	on $1 "killall -q -9 rds-xfer"
	no_sockets_on $1
	guest_function $1 unload_all
	load $1
	on $there "killall -q -9 rds-xfer"
	no_sockets_on $there
	await 20 answered $there $far $near
	transfer a $C4 b $D4 "" "--count 200 --quiet"
	transfer b $D4 a $C4 "" "--count 200 --quiet"
}

# It knows nothing of its connections when it is back, and its peer's are still up: who has something to send learns of it
# when nobody answers. soft-RoCE takes 7 for "for ever", and whoever has connected has the say.
peer_reboots() {
	for each in $hosts; do guest_function $each unload_all; done
	for each in $hosts; do load $each 3; done
	# a slow machine that is busy with messages hears no orders
	begin a $C4 b $D4 "--timeout 60 $(! slow || echo --delay-us 20000)" "--count 1000000 --sizes 0-4000 --timeout 60"
	await 30 moving 200
	b_reboots
	device_up b
	load b
	add b $D4
	await 30 answered a $C4 $D4
	on a "killall -q -9 rds-xfer"
	no_sockets_on a
	transfer a $C4 b $D4 "" "--count 200 --quiet"
	transfer b $D4 a $C4 "" "--count 200 --quiet"
	guest_function a unload_all
	load a
}

# both ends begin at once
duels() {
	new_pairs 4
	for i in 0 1 2 3; do
		small=10.80.$((first + i)).1 large=10.80.$((first + i)).2
		start ping1 b "rds-ping -c 1 -i 10 -I $large $small"
		usleep ${i}000
		on a "rds-ping -c 1 -i 10 -I $small $large"
		finish ping1
	done
}

# ------------------------------------------------------------------ lists

plausible() {
	answered a $A6 $B6
	for host in $hosts; do
		on $host "rds-info -c" | awk '/ib_/ { value[$1] = $2; n++ }
			END {
				split("evt_handler_call tx_cq_event rx_cq_event rx_total_frags rx_total_incs ack_sent " \
				      "ack_received rdma_mr_8k_alloc rdma_mr_8k_used rdma_mr_1m_used", some)
				split("tx_sg_mapping_failure ack_send_failure tx_credit_updates rx_credit_updates", none)
				for (i in some) if (!value["ib_" some[i]]) { print some[i] " is 0"; bad = 1 }
				for (i in none) if (value["ib_" none[i]]) { print none[i] " is not 0"; bad = 1 }
				print n " of them"
				exit bad || n != 39
			}'
	done
	on a "rds-info -Iv" > /tmp/list
	grep -E "^ +$A4 +$B4 +0 +0 +::ffff:$A4 +::ffff:$B4 " /tmp/list |
		grep -q 'send_wr=\(256\|288\), recv_wr=1024, send_sge=8, rdma_mr_max=[1-9][0-9]*, rdma_mr_size=257'
	on b "rds-info --ipv6 -I" | grep -qE "^ +fd77::2 +fd77::1 +0 +0 +fd77::2 +fd77::1"
	on b "rds-info --json -I" | grep -q '"10.77.0.1"'
	on a "rds-info -n" | grep -qE "^ +$A4 +$B4 .*--C-"
}

# What the tracepoints of rds_rdma tell of a connection that is made, and of a few operations.
traces() { # HOST
	t=/sys/kernel/tracing
	new_pairs 1
	near_and_far $1
	on $1 "[ -e $t/trace ] || mount -t tracefs tracefs $t; echo > $t/trace; echo 1 > $t/events/rds_ib/enable"
	next_port
	start owner $there "rds-rdma2 owner --bind $far:$port"
	await 10 grep -q '^ready' /tmp/owner.out
	on $1 "rds-rdma2 load --bind $near:$port --to $far:$port --count 20 --quit"
	finish owner
	on $1 "echo 0 > $t/events/rds_ib/enable; cat $t/trace; echo > $t/trace" > /tmp/trace
	# the address is resolved, so is the way, and it stands
	for event in 0 2 9; do
		grep -qE " rds_ib_cm: local=::ffff:$near remote=::ffff:$far event=$event status=0\$" /tmp/trace
	done
	requests_told
	on $1 "rds-ping -c 1 -i 5 -I $near $far; cat $t/trace" > /tmp/trace
	fails grep ' rds_ib_' /tmp/trace
}
# On the connection with the operations: they name the peer's memory, whatever is told of was asked for, and all is well.
requests_told() {
	awk '{ split("", v); for (i = 1; i <= NF; i++) if (split($i, pair, "=") == 2) v[pair[1]] = pair[2] }
		/ rds_ib_post: / {
			ops[v["op"]]++
			remote = v["op"] == "read" || v["op"] == "write"
			if (remote) qp = v["qp"]
			if (remote != (v["rkey"] != "0x0") || v["sges"] < 1) { print; bad = 1 }
			if (remote && v["solicited"] != 0) { print; bad = 1 }
			if (v["signaled"] == 1) asked[v["qp"] " " v["wr"]] = 1
		}
		/ rds_ib_complete: / {
			if (v["receive"] == 1) received[v["qp"]]++
			else told[v["qp"] " " v["wr"]] = 1
			if (v["status"] != 0 || (v["receive"] == 1 && v["bytes"] < 48)) { print; bad = 1 }
		}
		END {
			for (each in told)
				if (each ~ "^" qp " " && !(each in asked)) { print "nobody asked for", each; bad = 1 }
				else if (each ~ "^" qp " ") n++
			print ops["send"], ops["read"], ops["write"], received[qp], n
			exit bad || !ops["send"] || !ops["read"] || !ops["write"] || received[qp] < 20 || !n
		}' /tmp/trace
}

# ------------------------------------------------------------------ settings

# ib.md 21: without options; each value, each mode, and for whom they are
defaults() { # HOST
	on $1 "modprobe rds_rdma"
	third=$(($(on $1 "awk '/^MemTotal:/ { print \$2 }' /proc/meminfo") / 4 / 3))
	on $1 "cd /proc/sys/net/rds/ib && stat -c '%a %n' * && grep . *" > /tmp/settings
	on $1 "cd /sys/module/rds_rdma/parameters && stat -c '%a %n' * && grep . *" >> /tmp/settings
	diff - /tmp/settings << END
644 flow_control
644 max_recv_allocation
644 max_recv_wr
644 max_send_wr
644 max_unsignaled_wr
flow_control:0
max_recv_allocation:$third
max_recv_wr:1024
max_send_wr:256
max_unsignaled_wr:16
444 rds_ib_mr_1m_pool_size
444 rds_ib_mr_8k_pool_size
444 rds_ib_retry_count
rds_ib_mr_1m_pool_size:4096
rds_ib_mr_8k_pool_size:348160
rds_ib_retry_count:1
END
	on $1 "unshare -n sh -c '[ -e /proc/sys/net/core ] && ! [ -e /proc/sys/net/rds/ib ]'"
}

# what is out of range is refused, and changes nothing; the ends of a range are within
ranges() { # HOST
	on $1 "cd /proc/sys/net/rds/ib; for each in max_send_wr=0 max_send_wr=4294967296 max_send_wr=-1 max_recv_wr=0 \
max_recv_wr=4294967296 max_unsignaled_wr=0 max_unsignaled_wr=65 max_send_wr=x flow_control=x; do \
file=\${each%=*} old=\$(cat \${each%=*}); \
if echo \${each#*=} > \$file || [ \$(cat \$file) != \$old ]; then echo \$each is taken; exit 1; fi; done"
	on $1 "cd /proc/sys/net/rds/ib; for each in max_send_wr=1 max_send_wr=4294967295 max_recv_wr=1 \
max_recv_wr=4294967295 max_unsignaled_wr=1 max_unsignaled_wr=64 max_recv_allocation=0 \
max_recv_allocation=18446744073709551615 flow_control=-1 flow_control=1; do \
echo \${each#*=} > \${each%=*} && [ \$(cat \${each%=*}) = \${each#*=} ] || exit 1; done"
	guest_function $1 unload_all
}

# ------------------------------------------------------------------ the end

ends() { # HOST
	guest_function $1 unload_all
	in_use $1 > /tmp/rest
	diff /tmp/rest.$1 /tmp/rest
}

# rings and what they hold go with a connection (ib.md, pitfall 4: 4 MiB each)
lives() { # HOST
	for _ in 1 2 3 4; do
		load $1
		await 20 on $1 "rds-ping -c 1 -i 5 -I $(address $1) $(address $1)"
		guest_function $1 unload_all
	done
}
memory_back() { # HOST
	guest_function $1 weighed
	lives $1
	guest_function $1 lighter
}

scenario "no device: bind is refused" no_device
for host in $hosts; do ours_only $host "... and the log of $host says so, once" says_so $host; done
scenario "... or falls to TCP" falls_to_tcp
scenario "devices come, before and after the transport" devices
scenario "pings, both directions and families, to oneself" pings
for host in $hosts; do says_whose $host; done
scenario "IPv4 traffic, both directions" exchange $A4 $B4
scenario "IPv6 traffic, both directions" exchange $A6 $B6
scenario "readers that are slow, or stop" congestion
for host in $hosts; do fault "the device of $host goes and comes under traffic" survives device_blinks $host; done
ours_only both "the device goes and comes under RDMA" device_blinks_rdma
ours_only both "the device of registered memory goes and comes" device_blinks_owner
address_changes a $C4
address_changes b $D4
for host in $hosts; do ours_only $host "an address that is gone, on $host" address_gone $host; done
for host in $hosts; do fault "modules of $host go and come under traffic" reload $host; done
scenario "types of service" tos
for host in $hosts; do rdma2 $host; done
scenario "RDMA, both directions at once" loads
scenario "rds-stress with RDMA: three runs begin" stresses
JOB=-64k scenario "rds-stress -D 65536" stressed
JOB=-vectors scenario "rds-stress -D 4096 -I 8" stressed
JOB=-1m scenario "rds-stress -D 1048576" stressed
scenario "... and what they moved is counted" stress_counted
scenario "counters and lists" plausible
for host in $hosts; do ours_only $host "tracepoints of $host" traces $host; done
fault "2 % of all packets are lost" lossy 2
chance=yes
for host in $hosts; do ours_only $host "$host registers while packets are lost" lossy_registrations $host; done
chance=
scenario "two sockets, four peers" peers
scenario "both ends connect at once" duels
small_rings
for host in $hosts; do ours_only $host "1 MiB messages of $host through four work requests" ring_messages $host; done
for host in $hosts; do ours_only $host "1 MiB RDMA of $host through four work requests" ring_rdma $host; done
rings 256
fault "flow control: both want it" flow_control 1 1 b
fault "flow control: only a wants it" flow_control 1 0 a
fault "flow control: only b wants it" flow_control 0 1 a
fault "b reboots under traffic" peer_reboots
scenario "traffic at the end" exchange $A4 $B4
for host in $hosts; do scenario "all modules unload on $host, nothing is left" ends $host; done
for host in $hosts; do
	scenario "settings of $host: defaults and modes" defaults $host
	scenario "settings of $host: ranges" ranges $host
done
for host in $hosts; do ours_only $host "memory of connections comes back on $host" memory_back $host; done
leave
all_done
