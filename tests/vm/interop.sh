#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# This tree's RDS over TCP, talking to the kernel's own.
#
#   +---- a, guest 1 ----+          +---- b, guest 2 ----+
#   | ours               |          | stock              |
#   | 10.77.0.1 fd77::1  |---eth0---| 10.77.0.2 fd77::2  |     a is the smaller address, it connects
#   | 10.78.0.2 fd78::2  |          | 10.78.0.1 fd78::1  |     b is
#   +--------------------+          +--------------------+
#
# While a connection is being set up stock loses messages that were sent already: each pair of addresses first
# exchanges pings, in both directions. From then on every message counts.
. /vm/guest.sh
hosts_are_guests
C4=10.78.0.2 D4=10.78.0.1 C6="[fd78::2]" D6="[fd78::1]"
on a "ip addr add $C4/24 dev eth0; ip addr add fd78::2/64 dev eth0 nodad"
on b "ip addr add $D4/24 dev eth0; ip addr add fd78::1/64 dev eth0 nodad"

meet() { # FIRST ADDRESS SECOND ADDRESS
	await 30 answered "$1" "$2" "$4"
	await 30 answered "$3" "$4" "$2"
}

exchange() {
	transfer a "$1" b "$2" "" "--count 200 --sizes mix:1048576 --sndbuf 2097152 --quiet"
	transfer b "$2" a "$1" "" "--count 200 --sizes mix:1048576 --sndbuf 2097152 --quiet"
	transfer a "$1" b "$2" "--pairs 4" "--pairs 4 --count 300 --nonblock --quiet"
	transfer b "$2" a "$1" "--pairs 4" "--pairs 4 --count 300 --nonblock --quiet"
}

# pages of the sender's own, in both directions: the stock sender, too, must be told when they are its again
lent() {
	transfer a "$1" b "$2" "" "--count 300 --sizes mix:262144 --zerocopy 8 --quiet"
	transfer b "$2" a "$1" "" "--count 300 --sizes mix:262144 --zerocopy 8 --quiet"
}

small() {
	transfer a "$1" b "$2" "" "--count 5000 --sizes 0-200 --nonblock --quiet"
	transfer b "$2" a "$1" "" "--count 5000 --sizes 0-200 --nonblock --quiet"
}

# whoever reads slowly, the other learns of it, and of its end
congestion() {
	transfer b $B4 a $A4 "--delay-us 300" "--count 500 --sizes 4096 --nonblock --quiet"
	grep -q 'enobufs=[1-9]' /tmp/send.out
	transfer a $A4 b $B4 "--delay-us 300" "--count 500 --sizes 4096 --nonblock --quiet"
	grep -q 'enobufs=[1-9]' /tmp/send.out
	transfer b $B4 a $A4 "--delay-us 300" "--count 300 --sizes 4096 --quiet"
	transfer a $A4 b $B4 "--delay-us 300" "--count 300 --sizes 4096 --quiet"
}

echoes() { # SERVER ADDRESS CLIENT ADDRESS
	next_port
	start server "$1" "rds-echo --bind $2:$port"
	await 10 grep -q '^ready' /tmp/server.out
	on "$3" "rds-echo --pingpong --bind $4:$port --to $2:$port --count 300 --stop"
	finish server
}

# What is done to the two may cost stock messages; a new meeting, and from then on every message counts again. Traffic
# that is not verified runs meanwhile, both ways.
recovers() { # COMMAND...
	JOB=1 begin a $A4 b $B4 "--timeout 60" "--count 1000000 --timeout 60"
	JOB=2 begin b $D4 a $C4 "--timeout 60" "--count 1000000 --timeout 60"
	for JOB in 1 2; do await 20 moving 200; done
	JOB=
	"$@"
	quiet
	for pair in "$A4 $B4" "$C4 $D4"; do
		meet a "${pair% *}" b "${pair#* }"
		transfer a "${pair% *}" b "${pair#* }" "" "--count 300 --quiet"
		transfer b "${pair#* }" a "${pair% *}" "" "--count 300 --quiet"
	done
}

quiet() {
	for host in $hosts; do
		on $host "killall -q -9 rds-xfer" || true
		await 10 on $host "[ \$(awk '\$1 == \"RDS\" { print \$3 }' /proc/net/protocols) = 0 ]"
	done
}

kill_streams() {
	for host in a b a b; do
		# they may still be on their way back from the last time
		await 20 on $host "ss -tnK '( sport = :16385 or dport = :16385 )' | grep ESTAB"
	done
}

link_blinks() { on b "ip link set eth0 down; usleep 600000; ip link set eth0 up"; }

reload() {
	quiet
	on "$1" "rmmod rds_tcp && insmod /lib/modules/\$(uname -r)/rds_tcp.ko"
}

scenario "pings, ours begins, ours connects" meet a $A4 b $B4
scenario "pings, stock begins, stock connects" meet b $D4 a $C4
scenario "pings over IPv6, stock begins, ours connects" meet b $B6 a $A6
scenario "pings over IPv6, ours begins, stock connects" meet a $C6 b $D6
scenario "IPv4 traffic, ours connects" exchange $A4 $B4
scenario "IPv4 traffic, stock connects" exchange $C4 $D4
scenario "pages of the sender's own" lent $A4 $B4
scenario "IPv6 traffic, ours connects" exchange $A6 $B6
scenario "IPv6 traffic, stock connects" exchange $C6 $D6
scenario "many small messages" small $A4 $B4
scenario "many small messages, stock connects" small $C4 $D4
scenario "slow readers congest, nothing is lost" congestion
scenario "stock echoes, ours compares" echoes b $B4 a $A4
scenario "ours echoes, stock compares" echoes a $A4 b $B4
scenario "streams killed, new traffic" recovers kill_streams
scenario "link down and up, new traffic" recovers link_blinks
scenario "stock reloads, new traffic" recovers reload b
scenario "ours reloads, new traffic" recovers reload a
scenario "all modules unload, nothing is left" unload_all
leave
all_done
