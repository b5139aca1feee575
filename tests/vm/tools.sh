#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2317,SC2086,SC2154,SC2034  # called by name; addresses are one word; guest.sh
# The tools at work: rds-stress between two hosts and within one, rds-info --watch, rds-ping. OURS is empty on the
# kernel's own modules.
#
#   +------- a -------+         +------- b -------+
#   | eth0 10.0.0.1   |---------| eth0 10.0.0.2   |
#   | lo   127.0.0.0/8|         | lo              |
#   +-----------------+         +-----------------+
. /vm/guest.sh
hosts_are_namespaces
L4=127.0.0.1 M4=127.0.0.2
# what many tasks with many requests under way want
echo 8388608 > /proc/sys/net/core/wmem_max
echo 8388608 > /proc/sys/net/core/rmem_max

# ------------------------------------------------------------------ rds-stress

# run JOB HOST COMMAND: its process is in /tmp/JOB.pid
run() {
	start "$1" "$2" "echo \$\$ > /tmp/$1.pid; exec $3"
	await 20 test -s "/tmp/$1.pid"
}
pid_of() { cat "/tmp/$1.pid"; }

# waits HOST ADDRESS: the passive side, job passive$JOB
waits() {
	next_port
	run "passive$JOB" "$1" "rds-stress -r $2 -p $port"
	await 20 grep -q '^waiting for incoming connection' "/tmp/passive$JOB.out"
}

# calls HOST ADDRESS PEER [OPTIONS]: the active side, job active$JOB
calls() { run "active$JOB" "$1" "rds-stress -r $2 -s $3 -p $port $4"; }
JOB=

# figure JOB COLUMN: of the last line
figure() { sed -n 's/  (average)$//p' "/tmp/$1.out" | awk "{ print \$$2 }"; }
# whole JOB TASKS: header, at least one line, the summary; every line has nine columns
whole() {
	grep -qx 'tsks   tx/s   rx/s  tx+rx K/s    mbi K/s    mbo K/s tx us/c   rtt us cpu %' "/tmp/$1.out"
	[ "$(grep -cE "^ *$2( +-?[0-9.]+){8}\$" "/tmp/$1.out")" -ge 1 ]
	[ "$(grep -cE "^ *$2( +-?[0-9.]+){8}  \(average\)\$" "/tmp/$1.out")" = 1 ]
}

# begin_stress FROM ADDRESS TO ADDRESS OPTIONS: the second one waits
begin_stress() {
	waits "$3" "$4"
	calls "$1" "$2" "$4" "$5"
}

# well: both of $JOB came to the usual end
well() {
	finish "active$JOB"
	finish "passive$JOB"
	grep -qx 'Starting up....' "/tmp/active$JOB.out"
}

stress() { begin_stress "$@" && well; }

# Each run waits two seconds before it starts: those that need no quiet go at once, and are judged one by one.
several_begin() {
	JOB=-tcp begin_stress a $A4 b $B4 "-T 2 -v"
	JOB=-larger begin_stress b $B4 a $A4 "-T 2 -v -t 3 -d 8 -q 3000 -a 100"
	JOB=-loop begin_stress a $M4 a $L4 "-T 2 -v -t 2 -d 4 -q 100000 -a 5000"
	JOB=-oneway begin_stress a $A4 b $B4 "-T 2 -v -o -z -q 8192"
	JOB=-six begin_stress a fd00::1 b fd00::2 "-T 2 -v -d 2"
	# who calls first calls again
	next_port
	run active-early a "rds-stress -r $M4 -s $L4 -p $port -T 2 -o --connect-retries 60"
	await 20 grep -q '^connecting' /tmp/active-early.out
	run passive-early a "rds-stress -r $L4 -p $port"
}

# both_ways TASKS
both_ways() {
	well
	for job in active$JOB passive$JOB; do
		whole $job "$1"
		[ "$(figure $job 2)" -gt 0 ]
		[ "$(figure $job 3)" -gt 0 ]
	done
}

one_way() {
	well
	[ "$(figure active$JOB 2)" -gt 0 ]
	[ "$(figure active$JOB 3)" = 0 ]
	[ "$(figure passive$JOB 2)" = 0 ]
	[ "$(figure passive$JOB 3)" -gt 0 ]
}

only_the_last_line() {
	fails grep '^tsks' /tmp/active-oneway.out
	[ "$(grep -cE '^ *1( +-?[0-9.]+){8}' /tmp/active-oneway.out)" = 1 ]
	grep '^tsks' /tmp/passive-oneway.out
	[ "$(grep -cE '^ *1( +-?[0-9.]+){8}' /tmp/passive-oneway.out)" -ge 2 ]
}

says_who_called() {
	grep -E "^accepted connection from $A4:[0-9]+ on $B4:[0-9]+\$" /tmp/passive-tcp.out
	grep -E '^accepted connection from \[fd00::1\]:[0-9]+ on \[fd00::2\]:[0-9]+$' /tmp/passive-six.out
}

# all kinds of report at once
reports() {
	stress a $A4 b $B4 "-T 2 -t 2 -c --show-params --show-perfdata --show-histogram --show-outliers 1"
	whole active 2
	grep -qx "parameters: port=$port req-bytes=1024 ack-bytes=63 depth=1 tasks=2 time=2 .*" /tmp/active.out
	[ "$(grep -c '^::tasks,.*,recv_delivered (1/s),' /tmp/active.out)" = 1 ]
	[ "$(grep -c '^::2,[0-9]' /tmp/active.out)" -ge 1 ]
	grep -q 'from us *below us *round trips' /tmp/active.out
	# the tasks leave no CPU alone
	awk -v busy="$(figure active 9)" 'BEGIN { exit !(busy >= 0 && busy <= 100) }'
	fails grep -q '^::' /tmp/passive.out
}

# Small receive buffers, and more under way than fits: ENOBUFS is met at once, and left again each time, to the end.
congested() {
	echo 2304 > /proc/sys/net/core/rmem_max
	trap 'echo 8388608 > /proc/sys/net/core/rmem_max' EXIT
	before=$(counter cong_send_error)
	stress a $A4 b $B4 "-T 3 -d 16 -q 4096 -v --use-cong-monitor $1"
	[ "$(counter cong_send_error)" -gt "$before" ]
	for job in active passive; do
		grep -E '^ *1( +-?[0-9.]+){8}$' /tmp/$job.out | tail -n 1 | awk '{ exit !($2 && $3) }'
	done
}
counter() { rds-info -c | awk -v name="$1" '$1 == name { print $2 }'; }

running() { grep -qE '^ *[0-9]+( +-?[0-9.]+){8}$' "/tmp/$1.out"; }

# runs that nobody ends, each for one of the cases that follow: endless JOB...
endless() {
	for JOB in "$@"; do
		waits b $B4
		calls a $A4 $B4
	done
	for job in "$@"; do
		await 30 running "active$job"
		await 30 running "passive$job"
	done
}

# An interrupt on one side is the usual end, for both.
interrupted() {
	kill -INT "$(pid_of active1)"
	for job in active1 passive1; do
		finish $job
		whole $job 1
	done
}

# killed JOB OTHER: the peer's parent is; the other says so and ends
killed() {
	kill -KILL "$(pid_of "$1")"
	fails finish "$2"
	fails grep -q average "/tmp/$2.out"
	grep '^rds-stress: the peer is gone' "/tmp/$2.out"
}

# One task is: its own side says so, and the peer hears of it.
task_killed() {
	parent=$(pid_of active4)
	child=$(cut -d' ' -f1 "/proc/$parent/task/$parent/children")
	kill -KILL "$child"
	fails finish active4
	fails finish passive4
	grep '^rds-stress: a task has failed' /tmp/active4.out
	grep '^rds-stress: the peer has failed: a task has failed' /tmp/passive4.out
	# nor does any process of those whose parents were killed go on
	await 20 no_stress
}
no_stress() { ! pidof rds-stress; }

# Who connects and talks nonsense is sent away, and the next one is served.
strangers() {
	waits b $B4
	for words in 'GET / HTTP/1.0' 'RDSt' 'RDSt\000\003\001\000\000\000\000\000' \
		'RDSt\000\002\001\000\377\377\377\377' 'RDSt\000\002\001\000\000\000\000\001x' \
		'RDSt\000\002\004\000\000\000\000\000'; do
		on a "printf '$words' | timeout 5 nc -w 1 $B4 $port" > /tmp/answer || true
		await 10 grep -q "rds-stress: connection from $A4" /tmp/passive.out
		! ended passive
	done
	[ "$(grep -c '^rds-stress: connection from' /tmp/passive.out)" -ge 5 ]
	grep -q 'control stream has version 3, ours 2' /tmp/passive.out
	grep -q 'a frame of 4294967295 bytes' /tmp/passive.out
	calls a $A4 $B4 "-T 1"
	finish active
	finish passive
}

# What cannot work says why, with the documented status.
refusals() {
	status=0
	rds-stress --nonsense 2> /tmp/said || status=$?
	[ $status = 2 ]
	grep -q '^rds-stress: unknown option or argument: --nonsense' /tmp/said
	for wrong in "-q 62" "-d 0" "-t 0" "-p 65535" "-Q 256" "-T x" "-I 2" "-M 1" "-D 1048577" \
		"--rdma-use-get-mr 1" "-D 1 --rdma-use-once 1 --rdma-cache-mrs 1"; do
		status=0
		rds-stress $wrong 2> /tmp/said || status=$?
		cat /tmp/said
		[ $status = 2 ]
	done
	for missing in --reset --async; do
		refused rds-stress $missing
		[ "$(grep -c 'not supported' /tmp/said)" = 1 ]
	done
	next_port
	refused on a "rds-stress -s $B4 -p $port > /tmp/connecting"
	grep -q "cannot connect to $B4:$port: Connection refused" /tmp/said
	# the address of the tasks is nobody's here
	refused on a "rds-stress -r 192.0.2.1 -s $B4 -p $port > /tmp/connecting"
	# one port for two
	waits b $B4
	refused on b "rds-stress -r $B4 -p $port"
	grep -q 'Address already in use' /tmp/said
	kill "$(pid_of passive)"
	fails finish passive
}

# TCP and the loopback have no memory regions, and that is said: by the side that finds out first
no_rdma() { # FROM ADDRESS TO ADDRESS
	begin_stress "$@" "-T 1 -D 4096"
	fails finish active
	fails finish passive
	cat /tmp/active.out /tmp/passive.out | grep "RDMA is not supported at"
}

# SIOCRDSSETTOS is asked: TCP takes any value, the loopback none
types_of_service() {
	on a "rds-ping -c 1 -Q 3 $B4"
	refused on a "rds-ping -c 1 -Q 3 $L4"
	grep -q 'cannot set the type of service' /tmp/said
	stress a $A4 b $B4 "-T 1 -Q 7"
	waits a $L4
	calls a $M4 $L4 "-T 1 -Q 7"
	fails finish active
	fails finish passive
	# the first of the two to notice ends both
	cat /tmp/active.out /tmp/passive.out | grep 'cannot set the type of service: Inappropriate ioctl for device'
}

# ------------------------------------------------------------------ rds-info, rds-ping

intervals() { [ "$(grep -c '^===' /tmp/watch.out)" -ge "$1" ]; }

# First all, then what changed; an interrupt ends it, and well.
watches() {
	run watch a "rds-info -ck --watch 100ms"
	await 20 intervals 1
	next_port
	run holder a "rds-xfer recv --bind $A4:$port --timeout 60 --quiet"
	await 20 grep -qE "^\+ +10.0.0.1 +$port " /tmp/watch.out
	answered a $A4 $B4
	await 20 grep -qE '^ +recv_ping +[0-9]+ +\+[1-9]' /tmp/watch.out
	kill "$(pid_of holder)"
	await 20 grep -qE "^- +10.0.0.1 +$port " /tmp/watch.out
	kill -INT "$(pid_of watch)"
	finish watch
	head -n 3 /tmp/watch.out | grep '^Counters:$'
	# whatever stood still is not said again
	fails grep -E '^ +[a-z_]+ +[0-9]+ +[+-]0$' /tmp/watch.out
}

# an object a line; so many intervals
watches_json() {
	on a "rds-info --json --watch 100ms --count 3" > /tmp/watch
	[ "$(wc -l < /tmp/watch)" = 4 ]
	fails grep -v '^{.*}$' /tmp/watch
	head -n 1 /tmp/watch | grep -q '"counters":\[{"name":"conn_reset","value":'
	[ "$(sed 1d /tmp/watch | grep -c '"seconds":.*"sockets":{"came":\[')" = 3 ]
}

# A list that the kernel lacks is news only for who asked for it.
missing_list() {
	rds-info 2> /tmp/said > /tmp/all
	[ ! -s /tmp/said ]
	fails grep -q 'RDS IB Connections' /tmp/all
	rds-info -I 2> /tmp/said > /tmp/out
	[ ! -s /tmp/out ]
	grep -q 'cannot read the list "RDS IB Connections": Protocol not available' /tmp/said
	rds-info --json 2> /tmp/said | grep -q '"ib_connections": null'
	[ ! -s /tmp/said ]
}

json_lists() {
	for options in --json "--json --ipv6"; do
		on a "rds-info $options" > /tmp/all
		for key in ib_connections tcp_sockets counters sockets connections receive_messages send_messages \
			retransmit_messages; do
			grep -q "^  \"$key\": " /tmp/all
		done
	done
	grep -q '"remote_address": "::ffff:10.0.0.2"' /tmp/all
}

pings() {
	refused rds-ping --bogus
	grep -q '^rds-ping: unknown option or argument: --bogus' /tmp/said
	run pings a "rds-ping -i 100ms -I $A4 $B4"
	await 20 three_answers
	kill -INT "$(pid_of pings)"
	finish pings
	fails grep -vE '^ +[0-9]+: [0-9]+ usec$' /tmp/pings.out
	# nobody is there: no line, and not for ever
	fails on a "rds-ping -c 1 -i 100ms 10.0.0.9" > /tmp/out 2>&1
	[ ! -s /tmp/out ]
}
three_answers() { [ "$(grep -c usec /tmp/pings.out)" -ge 3 ]; }

# the first message to a peer may be lost with the kernel's own modules
await 60 answered a $A4 $B4
await 60 answered b $B4 $A4
await 60 answered a fd00::1 fd00::2
await 60 answered b fd00::2 fd00::1
scenario "rds-ping: answers, unknown options" pings
scenario "rds-stress: six runs at once" several_begin
JOB=-tcp scenario "rds-stress over TCP, both ways" both_ways 1
JOB=-larger scenario "rds-stress from the larger address, several tasks and depths" both_ways 3
JOB=-loop scenario "rds-stress over the loopback" both_ways 2
JOB=-six scenario "rds-stress over IPv6" both_ways 1
JOB=-oneway scenario "rds-stress over TCP, one way" one_way
JOB=-early scenario "rds-stress over the loopback, one way; who calls too early calls again" one_way
scenario "rds-stress -z prints the last line alone" only_the_last_line
scenario "rds-stress says who called" says_who_called
JOB=
scenario "rds-info --watch: what came, went, and moved" watches
scenario "rds-info: a list that is missing" missing_list
scenario "rds-ping -Q, rds-stress -Q" types_of_service
scenario "rds-stress -D over TCP: why not" no_rdma a $A4 b $B4
scenario "rds-stress -D over the loopback: why not" no_rdma a $M4 a $L4
if [ -n "$OURS" ]; then
	scenario "rds-stress: every report" reports
	scenario "rds-stress: congestion is met and left" congested 1
	scenario "rds-stress: congestion without the monitor" congested 0
	scenario "rds-stress: strangers on the control port" strangers
	scenario "rds-stress: what it refuses, and how" refusals
	scenario "rds-info --watch --json" watches_json
	scenario "rds-info --json has every list" json_lists
fi
scenario "rds-stress: four runs at once" endless 1 2 3 4
scenario "rds-stress: an interrupt ends both" interrupted
scenario "rds-stress: the waiting peer is killed" killed passive2 active2
scenario "rds-stress: the calling peer is killed" killed active3 passive3
scenario "rds-stress: a task is killed" task_killed
all_done
