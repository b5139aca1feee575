// SPDX-License-Identifier: GPL-2.0
/* Suite rds_recv: from rds_recv_incoming() to recvmsg. Bodies: recv_test.cc. */
#include "suite.h"

#define RECV_CASES(x)                                                                              \
	x(sequence__repetitions_are_dropped) x(sequence__a_peer_may_start_anew)                    \
		x(sequence__a_peer_says_that_it_starts_anew) x(deliver__nobody_there) x(           \
			deliver__only_by_the_sockets_transport) x(deliver__source_and_length)      \
			x(deliver__two_lanes_at_once) x(charge__added_and_given_back) x(           \
				charge__hard_cap_costs_the_connection) x(recvmsg__short_buffer)    \
				x(recvmsg__peek) x(recvmsg__several_readers) x(recvmsg__timeout)   \
					x(close__with_unread_messages) x(hook__done_is_done) x(    \
						hook__eagain_at_once) x(hook__enomem_in_two_ticks) \
						x(hook__errno_asks_for_nothing)                    \
							x(hook__only_while_up)                     \
								x(hook__shutdown_comes_after_it)

RDS_KUNIT_SUITE(rds_recv, RECV_CASES);
