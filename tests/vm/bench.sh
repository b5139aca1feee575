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

failed=0
for case in "$@"; do
	echo "case ${case%%=*}"
	rds-bench ${case#*=} || failed=1
done
exit $failed
