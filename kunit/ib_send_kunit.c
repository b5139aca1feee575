// SPDX-License-Identifier: GPL-2.0
/* Suite rds_ib_send: messages, acknowledgements and credits on their way out over InfiniBand. Bodies: ib_send_test.cc. */
#include "suite.h"

#define IB_SEND_CASES(x)                                                                                \
	x(send__sizes) x(send__first_asks_for_acknowledgement) x(send__signals) x(                      \
		send__completion_covers) x(send__ring_full_and_on) x(send__messages_follow_each_other)  \
		x(send__no_address_in_the_middle) x(send__post_fails) x(                                \
			send__error_drops_and_repeats) x(send__teardown_without_completions)            \
			x(send__teardown_with_messages_of_both) x(send__acks_are_cumulative) x(         \
				send__acks_of_what_was_not_sent) x(send__ack_beforehand)                \
				x(send__stalled) x(send__credits_absurd) x(                             \
					send__ack_before_completion) x(send__ack_explicit)              \
					x(send__one_ack_at_a_time) x(send__ack_rides) x(                \
						send__ack_past_a_full_ring) x(send__ack_post_fails)     \
						x(send__ack_completes_badly) x(                         \
							send__credits_never_above)                      \
							x(send__credits_of_acks) x(                     \
								send__credits_are_given_back)           \
								x(send__credits_after_a_failure) x(     \
									send__credits_unwanted)         \
									x(send__credits_of_small_rings) \
										x(send__counters)

RDS_KUNIT_SUITE(rds_ib_send, IB_SEND_CASES);
