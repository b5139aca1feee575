// SPDX-License-Identifier: GPL-2.0
/* Suite rds_lanes: several lanes of one peer. Bodies: lanes_test.cc. */
#include "suite.h"

#define LANES_CASES(x)                                                                                      \
	x(fan_out__one_lane_for_each_socket) x(fan_out__by_the_handshake) x(fan_out__not_for_one_lane) x(   \
		fan_out__late_sender_is_sent_back) x(fan_out__as_many_as_both_want)                         \
		x(first__one_lane_for_who_names_none) x(first__all_are_told_before_they_open) x(            \
			first__who_asks_knows) x(open__asked_for) x(open__as_asked)                         \
			x(follow__the_peer_that_spoke) x(follow__nobody_elses_lane) x(                      \
				first__again_after_a_change_of_kernels) x(open__all_by_who_answers_nothing) \
				x(catch_up__other_lanes_wait) x(catch_up__ends_with_a_cancel) x(            \
					catch_up__message_under_way) x(open__after_the_handshake)           \
					x(open__in_order) x(open__all_for_who_cannot_ask) x(                \
						open__what_is_used_for_who_asks) x(open__silent_peer)       \
						x(drop__one_lane) x(blocked__one_lane) x(                   \
							restart__counts_anew_on_each_lane)                  \
							x(alloc__failure_is_the_senders) x(                 \
								end__with_messages_on_all)                  \
								x(reap__not_with_a_message_on_any)          \
									x(lists__messages_of_all_lanes)     \
										x(cap__of_lanes)

RDS_KUNIT_SUITE(rds_lanes, LANES_CASES);
