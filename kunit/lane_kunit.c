// SPDX-License-Identifier: GPL-2.0
/* Suite rds_lane: the state machine. Bodies: lane_test.cc. */
#include "suite.h"

#define LANE_CASES(x)                                                                                \
	x(connect__by_the_first_message) x(connect__errno_is_retried) x(connect__late) x(            \
		connect__dropped_inside_the_hook) x(connect_complete__only_from_connecting)          \
		x(drop__in_each_state) x(claim__only_from_down) x(connect_if_down__in_each_state) x( \
			shutdown__waits_for_the_sender) x(backoff__window_doubles_to_the_ceiling)    \
			x(backoff__drop_and_requests_during_the_delay) x(                            \
				backoff__also_for_failures_that_come_later)                          \
				x(backoff__connect_now) x(backoff__connect_now_during_the_end) x(    \
					backoff__connect_now_and_accepted)                           \
					x(backoff__goes_on_until_the_peer_is_heard) x(               \
						larger__knocks_while_it_has_something_to_send)       \
						x(storm__drops_under_traffic) x(                     \
							destroy__in_each_state)                      \
							x(destroy__no_retry_is_left) x(              \
								shutdown__of_others_is_not_waited_for)

RDS_KUNIT_SUITE(rds_lane, LANE_CASES);
