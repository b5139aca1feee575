#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# RDS over TCP where IPv6 was disabled at boot: an IPv4 listener, and no IPv6 address is local.
. /vm/guest.sh
# what it says is that it cannot give them IPv6 addresses
hosts_are_namespaces 2> /dev/null

refused() {
	fails timeout 10 rds-xfer recv --bind "$1" --timeout 1 > /tmp/refusal 2>&1
	cat /tmp/refusal
	grep -q 'Cannot assign requested address' /tmp/refusal
}

exchange() {
	transfer a $A4 b $B4 "" "--count 200 --quiet"
	transfer b $B4 a $A4 "" "--count 200 --quiet"
}

scenario "there is no IPv6" fails ls /proc/net/if_inet6
scenario "the listener is IPv4's" on b "ss -tln4 | grep -q :16385"
scenario "IPv4 traffic, both directions" exchange
scenario "a global address is not local" refused "[2001:db8::1]:4000"
scenario "a link-local address is not local" refused "[fe80::1%lo]:4000"
scenario "::1 is served by the loopback transport all the same" transfer a "[::1]" a "[::1]" "" "--count 100 --quiet"
ip netns del a
ip netns del b
scenario "all modules unload, nothing is left" unload_all
all_done
