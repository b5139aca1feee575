// SPDX-License-Identifier: GPL-2.0
/* Suite rds_send: the send engine and what a transport may answer. Bodies: send_test.cc. */
#include "suite.h"

#define SEND_CASES(x)                                                                                         \
	x(fifo__one_sender) x(fifo__many_senders_one_lane) x(fifo__busy_sender_takes_what_others_queue) x(    \
		partial__resumed_at_each_byte) x(partial__pieces) x(partial__byte_by_byte_past_the_guard)     \
		x(full__waits_for_the_kick) x(full__kick_during_xmit) x(eagain__at_once) x(                   \
			enomem__later) x(errno__drops_even_if_the_transport_did_not)                          \
			x(overrun__drops) x(batch__limit_hands_over) x(ack_required__cadence) x(              \
				ack_required__when_half_full) x(sendmsg__length_whatever_the_state)           \
				x(sendmsg__empty_messages_are_charged) x(                                     \
					operation__before_the_header_and_once)                                \
					x(operation__errors_repeat_nothing) x(                                \
						operation__silent_sends_nothing)                              \
						x(operation__not_repeated_after_a_drop) x(                    \
							atomic__start_sends_in_softirq)                       \
							x(atomic__not_without_the_flag) x(                    \
								atomic__pong_and_map_in_softirq)              \
								x(atomic__kick_in_softirq) x(                 \
									fifo__queued_while_the_holder_leaves) \
									x(atomic__softirq_meets_sender)

RDS_KUNIT_SUITE(rds_send, SEND_CASES);
