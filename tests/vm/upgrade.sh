#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# A cluster goes over to this tree's RDS, one machine after the other, and back. Both begin with the kernel's own
# modules, which have agreed on eight lanes by then, and remember that.
#
#   +---- a, guest 1 ----+          +---- b, guest 2 ----+
#   | 10.77.0.1          |---eth0---| 10.77.0.2          |     a is the smaller address, it connects
#   | 10.78.0.2          |          | 10.78.0.1          |     b is
#   +--------------------+          +--------------------+
#
# What stock has under way when a connection ends may be lost, and what it sends while one is being set up: each
# exchange begins with answered pings, and from then on every message counts.
. /vm/guest.sh
hosts_are_guests
C4=10.78.0.2 D4=10.78.0.1
on a "ip addr add $C4/24 dev eth0"
on b "ip addr add $D4/24 dev eth0"

# eight ports on each side: with eight lanes, one or another uses each
many_ways() {
	for way in "a $A4 b $B4" "b $B4 a $A4" "a $C4 b $D4" "b $D4 a $C4"; do
		set -- $way
		await 60 answered "$1" "$2" "$4"
		await 60 answered "$3" "$4" "$2"
		transfer "$1" "$2" "$3" "$4" "--pairs 8" "--pairs 8 --count 50 --sizes 0-3000 --quiet"
	done
}

gone() { on "$1" "[ \$(awk '\$1 == \"RDS\" { print \$3 }' /proc/net/protocols) = 0 ]"; }

# replace HOST BY: ours or stock takes over
replace() {
	await 10 gone "$1"
	on "$1" "rmmod rds_tcp; [ ! -e /sys/module/rds_loop ] || rmmod rds_loop; rmmod rds"
	case $2 in
	ours) on "$1" "cd /vm/ours/\$(uname -r) && insmod rds.ko && insmod rds_loop.ko && insmod rds_tcp.ko" ;;
	stock) on "$1" "modprobe rds_tcp" ;;
	esac
	many_ways
}

scenario "both stock" many_ways
scenario "b upgrades" replace b ours
scenario "a upgrades, too" replace a ours
scenario "b goes back" replace b stock
scenario "... and upgrades again" replace b ours
scenario "all modules unload, nothing is left" unload_all
scenario "... on the peer, too" on b ". /vm/guest.sh; unload_all"
leave
all_done
