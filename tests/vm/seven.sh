#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034,SC2046  # called by name; addresses are one word; guest.sh
# A peer that speaks as Linux 7.0 does: eight lanes by the source port, generation, repeated probes.
#
#   +--------- a ---------+            +----- b -----+
#   | 10.1.0.N, 10.9.0.N  |------------|  10.5.0.1   |
#   | rds-seven over TCP  |            |  rds_tcp,   |
#   |                     |            |  rds-echo   |
#   +---------------------+            +-------------+
#
# Each case has an address of its own, smaller or larger than b's. They are in a VRF: the RDS of the same kernel, which
# listens in every namespace, neither answers for them nor has their port 16385.
. /vm/guest.sh
hosts_are_namespaces
us=10.5.0.1 sockets=96
modprobe vrf
for host in a b; do
	ip -n $host addr flush dev eth0
done
ip -n a link add lanes type vrf table 7
ip -n a link set lanes up
ip -n a link set eth0 master lanes
on a "echo 0 > /proc/sys/net/ipv4/tcp_l3mdev_accept"
ip -n b addr add $us/8 dev eth0

seven() {
	address=10.1.0.$next
	case $1 in large*) address=10.9.0.$next ;; esac
	ip -n a addr add $address/8 dev eth0
	unnamed=1
	case $1 in *six-eight) unnamed=8 ;; esac
	echo $unnamed > /sys/module/rds/parameters/lanes_unnamed
	on a "rds-seven $1 --from $address --to $us --device lanes --sockets $sockets --seed $next" || {
		on b "rds-info -cn" | grep -E "drop.*[1-9]$|reset|$address "
		on b "ss -tan" | grep -w "$address" || true
		return 1
	}
}

start echo b "rds-echo --bind $us:4000 --sockets $sockets --timeout 3600"
await 10 grep -q '^ready' /tmp/echo.out
next=0
[ $# -gt 0 ] || set -- $(rds-seven list)
for name in "$@"; do
	next=$((next + 1))
	scenario "$name" seven $name
	echo "# $(tail -n 1 /tmp/case)"
done
killall rds-echo
await 100 ended echo
ip netns del a
ip netns del b
scenario "all modules unload, nothing is left" unload_all
all_done
