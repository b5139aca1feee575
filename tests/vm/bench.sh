#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2154,SC2086  # guest.sh; a command is words
# What scripts/bench runs in a guest: each argument is NAME=COMMAND LINE of rds-bench. Between the hosts a and b there
# is a cable; each has whole networks of addresses of its own, so that each case finds peers that nobody had before:
#
#   +---- a: 10.1.0.0/16 ----+            +---- b: 10.0.0.0/16, 10.2.0.0/16 ----+
#   |  eth0 192.168.0.1      |------------|  eth0 192.168.0.2                   |
#   +------------------------+            +-------------------------------------+
. /vm/guest.sh
ip netns add a
ip netns add b
ip link add eth0 netns a type veth peer name eth0 netns b
for host in a b; do
	ip -n $host link set lo up
	ip -n $host link set eth0 up
	on_host="ip -n $host"
	case $host in
	a) own="10.1.0.0/16" other="10.0.0.0/16 10.2.0.0/16" end=1 peer=2 ;;
	b) own="10.0.0.0/16 10.2.0.0/16" other="10.1.0.0/16" end=2 peer=1 ;;
	esac
	$on_host addr add 192.168.0.$end/24 dev eth0
	for net in $own; do $on_host route add local $net dev lo; done
	for net in $other; do $on_host route add $net via 192.168.0.$peer; done
done
ip netns exec a ping -c 1 192.168.0.2 > /dev/null

# A device of soft-RoCE, here: it reaches itself by two addresses.
rdma_device() {
	ip link add v0 type veth peer name v1
	ip link set v0 up
	ip link set v1 up
	ip addr add 10.60.0.1/24 dev v0
	ip addr add 10.60.0.2/24 dev v0
	rdma link add rxe0 type rxe netdev v0
	await 10 grep -qr 'ffff:0a3c:0002' /sys/class/infiniband/rxe0/ports/1/gids
	modprobe rds_rdma
	await 20 rds-bench traffic --path ib --rounds 1 --budget 1000000
}

[ -z "$RDMA" ] || rdma_device

failed=0
for case in "$@"; do
	echo "case ${case%%=*}"
	rds-bench ${case#*=} || failed=1
done
exit $failed
